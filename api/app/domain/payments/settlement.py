"""Where money is written down, whoever tells of it: the bot's update or Telegram's list of transactions.

Both take the order's lock first, so whoever comes second sees what the first one wrote; the constraints are the last word.
"""

import uuid_utils.compat as uuid
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.domain.payments import queries, rules
from app.domain.payments.errors import ChargeNotFoundError, OrderNotFoundError, PaymentMismatchError
from app.domain.payments.rules import OrderStatus, RefundSource, RefundState
from app.domain.payments.schemas import Order, Payment

_log = get_logger(__name__)


async def credit(session: AsyncSession, payment: Payment) -> tuple[Order, bool]:
    """Credit money that came: the order that it paid, and whether it was news. An order's time may be over: the money is there.

    Money that came a second time for one order is credited as well, with an order of its own. Raises OrderNotFoundError,
    PaymentMismatchError.
    """
    public_id = rules.order_id_of(payment.payload)
    order = await queries.lock_order(session, public_id) if public_id else None
    if order is None:
        raise OrderNotFoundError
    charged_id = await queries.find_charged_order(session, payment.charge_id)
    if charged_id is not None:
        return await _credited_before(session, order, payment, charged_id), False
    _require_fit(order, payment)
    if order.status not in {OrderStatus.PENDING, OrderStatus.EXPIRED}:
        _log.warning("order_paid_again", order=str(order.public_id), charge_id=payment.charge_id)
        order = await queries.get_order(session, await queries.insert_repeat(session, order.id, public_id=uuid.uuid7()))
    memo = Memo(str(order.public_id), f"{order.credits} credits for {payment.stars} Stars", actor="telegram")
    entry = await ledger.topup(session, user_id=order.user_id, amount=order.credits, memo=memo)
    if not await queries.insert_charge(session, order, payment, transfer_id=entry.transfer_id):
        # Credited to another order while we looked; everything written here is taken back.
        raise PaymentMismatchError("another_order")
    await queries.mark_paid(session, order.id)
    return await queries.get_order(session, order.id), True


async def note_refund(session: AsyncSession, charge_id: str, telegram_id: int, source: RefundSource) -> tuple[Order, bool]:
    """Telegram says that the Stars of a payment went back: the order, and whether that was news. Raises ChargeNotFoundError.

    A refund of ours that was in doubt ends with it. Of one made elsewhere the wallet gives what it has.
    """
    order = await queries.lock_order_of_charge(session, charge_id)
    if order is None or order.telegram_id != telegram_id:
        raise ChargeNotFoundError
    live = await queries.find_refund(session, order.id)
    if live is None:
        memo = Memo(str(order.public_id), "Stars given back", actor="telegram")
        transfer_id, shortfall = await ledger.refund_anyhow(session, user_id=order.user_id, amount=order.credits, memo=memo)
        values = {"source": source, "transfer_id": transfer_id, "shortfall": shortfall, "actor": None, "reason": None}
        await queries.insert_refund(session, order.id, state=RefundState.REFUNDED, **values)
        if shortfall:
            _log.warning("refund_short", order=str(order.public_id), charge_id=charge_id, shortfall=shortfall)
    elif live.state is RefundState.REFUNDED:
        return order, False
    else:
        await queries.mark_refund(session, refund_id=live.id, epoch=live.epoch, state=RefundState.REFUNDED)
    await queries.mark_status(session, order.id, OrderStatus.REFUNDED)
    return await queries.get_order(session, order.id), True


async def _credited_before(session: AsyncSession, order: Order, payment: Payment, charged_id: int) -> Order:
    charged = await queries.get_order(session, charged_id)
    if order.id not in {charged.id, charged.repeats_id}:
        raise PaymentMismatchError("another_order")
    _require_fit(charged, payment)
    return charged


def _require_fit(order: Order, payment: Payment) -> None:
    differs = rules.mismatch(
        owner=order.telegram_id,
        price_stars=order.price_stars,
        telegram_id=payment.telegram_id,
        currency=payment.currency,
        total_amount=payment.stars,
    )
    if differs is not None:
        raise PaymentMismatchError(differs)
