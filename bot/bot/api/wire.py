"""What the API answers, as far as the bot reads it: unknown fields are left alone, so that the API may add some."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

FINAL = frozenset({"completed", "failed", "cancelled"})


class Answer(BaseModel):
    """An answer; nobody changes it."""

    model_config = ConfigDict(frozen=True)


class Nothing(Answer):
    """An answer of which nothing is read."""


class User(Answer):
    """Somebody the API knows."""

    telegram_id: int
    created_at: datetime


class Preferences(Answer):
    """What a person has chosen for good."""

    language: Literal["uz", "ru", "en"] | None = None
    model_id: int | None = None
    size: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None


class Balance(Answer):
    """Credits: to spend, and reserved by a running generation."""

    balance: int
    held: int


class Trial(Answer):
    """Free generations."""

    trial_available: bool
    used_count: int
    limit: int


class Entry(Answer):
    """A movement of the wallet."""

    id: int
    amount: int
    balance_after: int
    entry_type: str
    created_at: datetime


class Statement(Answer):
    """A page of movements, the newest first."""

    items: list[Entry]
    next_cursor: str | int | None = None


class ModelOptions(Answer):
    """What a model can be asked for; an empty list is a parameter that it does not take."""

    size_options: list[str]
    aspect_ratio_options: list[str]
    resolution_options: list[str]
    max_reference_images: int


class Model(Answer):
    """A model on sale."""

    id: int
    key: str
    name: str
    supports_text_to_image: bool
    supports_image_to_image: bool
    options: ModelOptions


class Price(Answer):
    """A price in credits."""

    unit_price: int
    is_active: bool


class CatalogueItem(Answer):
    """A model with its prices."""

    model: Model
    prices: list[Price]

    @property
    def price(self) -> int:
        """What one picture costs."""
        return next(price.unit_price for price in self.prices if price.is_active)


class Uploaded(Answer):
    """Where a picture is after its upload."""

    download_url: str


class Generation(Answer):
    """A generation as its owner sees it."""

    id: int
    model_id: int
    model_key: str
    prompt: str
    status: Literal["queued", "running", "completed", "failed", "cancelled"]
    size: str | None
    aspect_ratio: str | None
    resolution: str | None
    input_params: dict[str, Any]
    references_count: int
    cost: int
    trial_used: bool
    client_context: dict[str, Any] | None
    queue_position: int | None
    error_code: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @property
    def chat_id(self) -> int | None:
        """The chat that it was ordered in, if it was ordered through this bot."""
        chat_id = (self.client_context or {}).get("chat_id")
        return chat_id if isinstance(chat_id, int) else None

    def context_id(self, name: str) -> int | None:
        """A message id that the bot had put into the order."""
        found = (self.client_context or {}).get(name)
        return found if isinstance(found, int) else None

    @property
    def took_s(self) -> int:
        """From the order to its end, in whole seconds."""
        return max(1, round((self.completed_at - self.created_at).total_seconds())) if self.completed_at else 0


class FedGeneration(Generation):
    """A generation in the feed of all, with its owner."""

    telegram_id: int


class Submitted(Answer):
    """What an order answers."""

    request: Generation
    trial_used: bool


class Generations(Answer):
    """A page of generations, the newest first."""

    items: list[Generation]
    next_cursor: str | int | None = None


class FileIds(Answer):
    """A picture as Telegram keeps it: what was sent once can be sent again for nothing."""

    photo: str | None = None
    document: str | None = None


class Files(Answer):
    """The pictures of a delivered generation."""

    file_ids: list[FileIds]


class Package(Answer):
    """Credits for Stars."""

    id: int
    key: str
    credits: int
    price_stars: int


class PaymentOrder(Answer):
    """An order of a package; its id is the payload of its invoice."""

    id: UUID
    credits: int
    price_stars: int
    status: str


class PreCheckout(Answer):
    """Whether a payment may go on, and if not, why."""

    ok: bool
    code: str | None = None


class Charged(Answer):
    """A payment that was taken over."""

    order: PaymentOrder
    balance: int
    is_new: bool


class Delivery(Answer):
    """The end of a generation that its user has not been told yet, claimed by this bot."""

    epoch: int
    attempt: int
    generation: Generation
    telegram_id: int
    language_code: str | None
    results: list[str]


class Deliveries(Answer):
    """Claimed deliveries."""

    items: list[Delivery]


class MaySend(Answer):
    """Whether the delivery may be sent: at most one repeat ever."""

    may_send: bool


class Cursor(Answer):
    """How far the feed has been read."""

    last_event_id: int | None = None
