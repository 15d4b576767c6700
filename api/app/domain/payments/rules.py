"""The pure decisions of payments: may this be paid, and is this the payment that the order is for."""

from enum import StrEnum
from uuid import UUID

CURRENCY = "XTR"
"""Telegram Stars."""

ORDER_LIFETIME_S = 3600
"""How long an order may be paid at its price. What was approved before may be paid after."""

REFUND_LEASE_S = 90
"""How long one asks Telegram for a refund undisturbed; longer than the client waits for an answer."""


class OrderStatus(StrEnum):
    """pending until its money came; `expired` is how a pending one reads when its time is over, and is not stored."""

    PENDING = "pending"
    PAID = "paid"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    EXPIRED = "expired"


class RefundState(StrEnum):
    """refunding while Telegram's word is awaited; refused gives the credits back, and another one may be tried."""

    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REFUSED = "refused"


class ChargeSource(StrEnum):
    """Who told of a payment: the bot's update, or Telegram's list of transactions."""

    UPDATE = "update"
    RECONCILE = "reconcile"


class RefundSource(StrEnum):
    """Whose refund it is: an operator's through us, or one made elsewhere, of which the bot or Telegram's list told."""

    OPERATOR = "operator"
    UPDATE = "update"
    RECONCILE = "reconcile"


class Refusal(StrEnum):
    """Why a payment is not taken."""

    ORDER_NOT_FOUND = "order_not_found"
    ORDER_EXPIRED = "order_expired"
    ORDER_PAID = "order_paid"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    WRONG_USER = "wrong_user"
    BANNED = "banned"


def order_id_of(payload: str) -> UUID | None:
    """The order that an invoice's payload names; None when it is not one of ours."""
    try:
        return UUID(payload)
    except ValueError:
        return None


def mismatch(*, owner: int, price_stars: int, telegram_id: int, currency: str, total_amount: int) -> Refusal | None:
    """What of a payment differs from its order; None when nothing does."""
    if telegram_id != owner:
        return Refusal.WRONG_USER
    if currency != CURRENCY:
        return Refusal.WRONG_CURRENCY
    return Refusal.WRONG_AMOUNT if total_amount != price_stars else None


def unpayable(status: OrderStatus, *, is_approved: bool) -> Refusal | None:
    """Why an order cannot be paid now; None when it can. What was approved in time may be paid: Telegram may ask twice."""
    if status is OrderStatus.EXPIRED:
        return None if is_approved else Refusal.ORDER_EXPIRED
    return Refusal.ORDER_PAID if status is not OrderStatus.PENDING else None
