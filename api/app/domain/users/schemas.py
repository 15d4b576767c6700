"""Users as the outside sends and sees them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.numbers import NUMBER_MAX, WHOLE
from app.schemas.text import CleanText

TelegramId = Annotated[int, Field(strict=True, gt=0, lt=2**52, description="Telegram's id of the person", examples=[1001]), WHOLE]
"""Telegram says that user ids have at most 52 significant bits."""


class UserSync(BaseModel):
    """What Telegram says of a user now. A field left out keeps its stored value; null clears it."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId
    username: CleanText | None = Field(default=None, max_length=64)
    first_name: CleanText | None = Field(default=None, max_length=256)
    last_name: CleanText | None = Field(default=None, max_length=256)
    language_code: CleanText | None = Field(default=None, max_length=35)


class Preferences(BaseModel):
    """What a user chose: the bot's language and how pictures are ordered when nothing else is said. null: nothing chosen."""

    model_config = ConfigDict(extra="forbid")

    language: Literal["uz", "ru", "en"] | None = None
    model_id: Annotated[int, Field(strict=True, ge=1, lt=NUMBER_MAX), WHOLE] | None = None
    size: CleanText | None = Field(default=None, max_length=20)
    aspect_ratio: CleanText | None = Field(default=None, max_length=20)
    resolution: CleanText | None = Field(default=None, max_length=20)


class UserRead(BaseModel):
    """A stored user."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    telegram_id: int
    username: str | None
    first_name: str | None
    last_name: str | None
    language_code: str | None
    created_at: datetime
    updated_at: datetime
