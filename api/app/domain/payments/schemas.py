"""Payments as the outside sends and sees them, and as the rooms of payments hand them on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.domain.payments.rules import CURRENCY, ChargeSource, OrderStatus, RefundState, Refusal
from app.domain.users.schemas import TelegramId
from app.schemas.numbers import NUMBER_MAX, WHOLE
from app.schemas.text import CleanText

CREDITS_MAX = 1_000_000
STARS_MAX = 100_000
PAYLOAD_CHARS_MAX = 128
CHARGE_ID_CHARS_MAX = 255

Payload = Annotated[CleanText, Field(max_length=PAYLOAD_CHARS_MAX, examples=["019e5d2a-6b1c-7c52-9d39-1f6f2a3b4c5d"])]
Currency = Annotated[CleanText, Field(max_length=16, examples=[CURRENCY])]
Stars = Annotated[int, Field(strict=True, ge=0, lt=NUMBER_MAX, examples=[225]), WHOLE]
ChargeId = Annotated[CleanText, Field(min_length=1, max_length=CHARGE_ID_CHARS_MAX, examples=["stxAbC123"])]


class PackageRead(BaseModel):
    """So many credits for so many Stars."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    key: str
    credits: int
    price_stars: int
    currency: str = CURRENCY
    is_active: bool


class OrderCreate(BaseModel):
    """What somebody wants to buy."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId
    package_id: Annotated[int, Field(strict=True, gt=0, lt=NUMBER_MAX, examples=[2]), WHOLE]


class OrderRead(BaseModel):
    """An order. Its id is the payload of the invoice; credits and price are those of the moment when it was made."""

    id: UUID
    telegram_id: int
    package_id: int
    package_key: str
    credits: int
    price_stars: int
    currency: str = CURRENCY
    status: OrderStatus
    expires_at: datetime
    created_at: datetime
    paid_at: datetime | None


class PreCheckout(BaseModel):
    """What Telegram asks before it takes the money."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId
    payload: Payload
    currency: Currency
    total_amount: Stars


class PreCheckoutRead(BaseModel):
    """Whether the payment may go on, and why not."""

    ok: bool
    code: Refusal | None


class ChargeReport(PreCheckout):
    """Money that came, as `successful_payment` says it."""

    telegram_payment_charge_id: ChargeId


class ChargeRead(BaseModel):
    """The order that the money paid and what can be spent now; `is_new` when this call credited it."""

    order: OrderRead
    balance: int
    is_new: bool


class RefundNotice(BaseModel):
    """Stars that went back, as `refunded_payment` says it."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId
    telegram_payment_charge_id: ChargeId


class RefundRead(BaseModel):
    """The order whose Stars went back and what can be spent now; `is_new` when this call noted it."""

    order: OrderRead
    balance: int
    is_new: bool


class PackageRow(PackageRead):
    """A package with its place in the list, for its operator."""

    position: int


class ChargeRow(BaseModel):
    """A payment, for its operator."""

    model_config = ConfigDict(from_attributes=True)

    charge_id: str
    order_id: UUID
    telegram_id: int
    credits: int
    price_stars: int
    status: OrderStatus
    source: ChargeSource
    paid_at: datetime
    refund_reason: str | None
    refund_error: str | None
    shortfall: int


class Stray(BaseModel):
    """Money that Telegram has taken and nobody can be given credits for."""

    charge_id: str
    telegram_id: int
    stars: int
    reason: str


class Reconciled(BaseModel):
    """What came of comparing Telegram's transactions with ours.

    `credited` and `refunded` were news, `ended` and `returned` are refunds that were in doubt, `open` those that still are.
    """

    seen: int = 0
    credited: int = 0
    refunded: int = 0
    ended: int = 0
    returned: int = 0
    open: int = 0
    strays: list[Stray] = []


@dataclass(frozen=True)
class Order:
    """A stored order with its owner, locked or not; `status` by the database's clock."""

    id: int
    public_id: UUID
    user_id: int
    telegram_id: int
    package_id: int
    package_key: str
    repeats_id: int | None
    credits: int
    price_stars: int
    status: OrderStatus
    is_approved: bool
    expires_at: datetime
    created_at: datetime
    paid_at: datetime | None

    def read(self) -> OrderRead:
        """As the outside sees it."""
        return OrderRead(
            id=self.public_id,
            telegram_id=self.telegram_id,
            package_id=self.package_id,
            package_key=self.package_key,
            credits=self.credits,
            price_stars=self.price_stars,
            status=self.status,
            expires_at=self.expires_at,
            created_at=self.created_at,
            paid_at=self.paid_at,
        )


@dataclass(frozen=True)
class Payment:
    """Money that came: who paid, for which order, how much, and who told of it."""

    telegram_id: int
    payload: str
    currency: str
    stars: int
    charge_id: str
    source: ChargeSource


@dataclass(frozen=True)
class Refund:
    """A stored refund that was not refused, of a locked order."""

    id: int
    state: RefundState
    epoch: int
    is_leased: bool


@dataclass(frozen=True)
class RefundClaim:
    """A refund that this caller may ask Telegram for; every later write names the epoch. `is_first`: nobody has asked before."""

    refund_id: int
    order_id: int
    epoch: int
    telegram_id: int
    charge_id: str

    @property
    def is_first(self) -> bool:
        """Whether no earlier request to Telegram can be in doubt."""
        return self.epoch == 1
