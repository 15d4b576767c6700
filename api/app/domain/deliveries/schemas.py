"""Deliveries as bots claim and end them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.domain.deliveries.rules import DeliveryState, Outcome
from app.domain.generations.schemas import GenerationRead
from app.schemas.numbers import NUMBER_MAX, WHOLE
from app.schemas.text import CleanText

CLAIM_MAX = 50
LEASE_MAX_S = 300
POSTPONE_MAX_S = 86_400
MESSAGES_MAX = 50

Epoch = Annotated[
    int, Field(strict=True, ge=1, lt=NUMBER_MAX, description="The `epoch` that the claim answered", examples=[1]), WHOLE
]
TelegramFile = Annotated[CleanText, StringConstraints(min_length=1, max_length=512)]


class DeliveriesClaim(BaseModel):
    """How many to take, and for how long nobody else gets them."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(strict=True, ge=1, le=CLAIM_MAX, examples=[10]), WHOLE]
    lease_seconds: Annotated[int, Field(strict=True, ge=1, le=LEASE_MAX_S, examples=[60]), WHOLE]


class DeliveryItem(BaseModel):
    """One claimed delivery: an ended generation, whose it is, and its pictures.

    `language_code` is the language that the user chose, else Telegram's; `attempt` says how often this was claimed.
    """

    epoch: int
    attempt: int
    generation: GenerationRead
    telegram_id: int
    language_code: str | None
    results: list[str]


class DeliveriesRead(BaseModel):
    """What was claimed; empty when nothing is due."""

    items: list[DeliveryItem]


class DeliveryStart(BaseModel):
    """About to send."""

    model_config = ConfigDict(extra="forbid")

    epoch: Epoch


class StartRead(BaseModel):
    """Whether to send: false when the message may have left twice already, or the delivery has ended."""

    may_send: bool


class FileIds(BaseModel):
    """Telegram's ids of one picture as it was sent: its preview and its file."""

    model_config = ConfigDict(extra="forbid")

    photo: TelegramFile | None = None
    document: TelegramFile | None = None


class DeliveryFinish(BaseModel):
    """How it ended. `retry_after_s` is for `postponed` (surely not sent: due again then), the ids are for `delivered`."""

    model_config = ConfigDict(extra="forbid")

    epoch: Epoch
    state: Outcome = Field(examples=["delivered"])
    retry_after_s: Annotated[int, Field(strict=True, ge=0, le=POSTPONE_MAX_S), WHOLE] = 0
    message_ids: list[Annotated[int, Field(strict=True, ge=1, lt=NUMBER_MAX), WHOLE]] = Field(
        default_factory=list, max_length=MESSAGES_MAX
    )
    file_ids: list[FileIds] = Field(default_factory=list, max_length=MESSAGES_MAX)


class FinishRead(BaseModel):
    """What the delivery is now; a postponed one is `due`."""

    state: DeliveryState


class FilesRead(BaseModel):
    """A delivered generation's pictures by Telegram's ids, in order: to be sent again without a download."""

    file_ids: list[FileIds]


class FeedCursorWrite(BaseModel):
    """The last event of the feed that was dealt with."""

    model_config = ConfigDict(extra="forbid")

    last_event_id: Annotated[int, Field(strict=True, ge=0, lt=NUMBER_MAX, examples=[42]), WHOLE]


class FeedCursorRead(BaseModel):
    """How far this reader of the feed is; null when it has never said."""

    name: str
    last_event_id: int | None


class Claimed(BaseModel):
    """A delivery that a claim took."""

    model_config = ConfigDict(from_attributes=True)

    generation_id: int
    epoch: int
    attempts: int


class Standing(BaseModel):
    """A delivery that a write did not change."""

    model_config = ConfigDict(from_attributes=True)

    epoch: int
    state: DeliveryState
