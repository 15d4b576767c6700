"""Broadcasts as operators make them and bots send them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from app.domain.broadcasts.rules import TEXT_MAX, BroadcastState, Report, length_of
from app.domain.users.schemas import TelegramId
from app.schemas.numbers import NUMBER_MAX, WHOLE
from app.schemas.text import CleanText

CLAIM_MAX = 100


class BroadcastCreate(BaseModel):
    """A text for everybody who is not banned, or only for who chose this language (or, having chosen none, has it in Telegram)."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[CleanText, StringConstraints(min_length=1, max_length=TEXT_MAX)] = Field(examples=["We have a new model."])
    language_code: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = Field(default=None, examples=[None])
    actor_telegram_id: TelegramId | None = Field(default=None, description="Who acts, if it is not the key itself")

    @field_validator("text")
    @classmethod
    def _check_length(cls, text: str) -> str:
        if not text.strip():
            msg = "must not be blank"
            raise ValueError(msg)
        if length_of(text) > TEXT_MAX:
            msg = f"is at most {TEXT_MAX} characters as Telegram counts them (an emoji is two)"
            raise ValueError(msg)
        return text


class BroadcastRead(BaseModel):
    """A broadcast and how far it is: everybody of `total` who is neither sent, failed nor blocked is still to be told."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias=AliasChoices("public_id", "id"))
    text: str
    language_code: str | None
    state: BroadcastState
    total: int
    sent: int
    failed: int
    blocked: int
    created_at: datetime


class RecipientsClaim(BaseModel):
    """How many to hand out."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(strict=True, ge=1, le=CLAIM_MAX, examples=[30]), WHOLE]


class RecipientsRead(BaseModel):
    """Who is to be told, by Telegram's ids: nobody else ever gets them. `claim` is named when they are reported.

    None of a broadcast that is `running` means that others have the rest: ask again later.
    """

    claim: int
    state: BroadcastState
    items: list[int]


class RecipientReport(BaseModel):
    """What became of one."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId
    state: Report


class RecipientsReport(BaseModel):
    """What became of those that a claim handed out."""

    model_config = ConfigDict(extra="forbid")

    claim: Annotated[
        int, Field(strict=True, ge=1, lt=NUMBER_MAX, description="The `claim` that handed them out", examples=[1]), WHOLE
    ]
    items: list[RecipientReport] = Field(min_length=1, max_length=CLAIM_MAX, examples=[[{"telegram_id": 1001, "state": "sent"}]])
