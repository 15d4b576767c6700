"""The verbs of payments: sell packages, order, approve, charge, and give back.

No verb here talks to Telegram: jobs.py does, between two of these.
"""

from uuid import UUID

import uuid_utils.compat as uuid
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.idempotency import service as idempotency
from app.domain.idempotency.schemas import Ticket
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.domain.payments import queries, rules, settlement
from app.domain.payments.errors import ChargeNotFoundError, OrderNotFoundError, PackageNotFoundError, RefundInFlightError
from app.domain.payments.rules import ChargeSource, OrderStatus, RefundSource, RefundState, Refusal
from app.domain.payments.schemas import (
    ChargeRead,
    ChargeReport,
    ChargeRow,
    Order,
    OrderCreate,
    OrderRead,
    PackageRead,
    PackageRow,
    Payment,
    PreCheckout,
    PreCheckoutRead,
    RefundClaim,
    RefundNotice,
    RefundRead,
)
from app.domain.users import service as users


async def on_sale(session: AsyncSession) -> list[PackageRead]:
    """The packages that can be bought now, in their order."""
    return [PackageRead.model_validate(package) for package in await queries.list_packages(session, only_active=True)]


async def list_packages(session: AsyncSession) -> list[PackageRow]:
    """Every package, for its operator."""
    return [PackageRow.model_validate(package) for package in await queries.list_packages(session, only_active=False)]


async def set_package(
    session: AsyncSession, key: str, *, credits_each: int, price_stars: int, is_active: bool, position: int | None
) -> PackageRow:
    """Sell so many credits for so many Stars from now on; orders that were made keep what they were made with."""
    values = {"credits": credits_each, "price_stars": price_stars, "is_active": is_active}
    return PackageRow.model_validate(await queries.upsert_package(session, key, position=position, **values))


async def order(session: AsyncSession, body: OrderCreate, *, ticket: Ticket) -> tuple[OrderRead, bool]:
    """Make an order before its invoice; the order, and whether it is the one of an earlier request with this key.

    A person unknown so far is created. Raises BannedError, PackageNotFoundError.
    """
    await users.refuse_banned(session, body.telegram_id)
    key_id, stored = await idempotency.begin(session, ticket)
    if key_id is None:
        return OrderRead.model_validate(stored), True
    user_id = await users.ensure_id(session, body.telegram_id)
    order_id = await queries.insert_order(session, public_id=uuid.uuid7(), user_id=user_id, package_id=body.package_id)
    if order_id is None:
        raise PackageNotFoundError(body.package_id)
    made = (await queries.get_order(session, order_id)).read()
    await idempotency.finish(session, key_id, effect=f"order:{order_id}", answer=made.model_dump(mode="json"))
    return made, False


async def get(session: AsyncSession, order_id: UUID, telegram_id: int) -> OrderRead:
    """This person's order. Raises OrderNotFoundError."""
    found = await queries.find_order(session, order_id, telegram_id)
    if found is None:
        raise OrderNotFoundError
    return found.read()


async def approve(session: AsyncSession, asked: PreCheckout) -> PreCheckoutRead:
    """Whether Telegram may take this money; an order that it may be taken for is approved."""
    public_id = rules.order_id_of(asked.payload)
    found = await queries.lock_order(session, public_id) if public_id else None
    refusal = _refusal(found, asked)
    if refusal is None and await users.is_banned(session, asked.telegram_id):
        refusal = Refusal.BANNED
    if found is not None and refusal is None:
        await queries.mark_approved(session, found.id)
    return PreCheckoutRead(ok=refusal is None, code=refusal)


async def charge(session: AsyncSession, report: ChargeReport) -> ChargeRead:
    """Credit a payment that the bot was told of; told again, it is the same answer and nothing is credited.

    Raises OrderNotFoundError, PaymentMismatchError.
    """
    payment = Payment(
        telegram_id=report.telegram_id,
        payload=report.payload,
        currency=report.currency,
        stars=report.total_amount,
        charge_id=report.telegram_payment_charge_id,
        source=ChargeSource.UPDATE,
    )
    paid, is_new = await settlement.credit(session, payment)
    return ChargeRead(order=paid.read(), balance=await _spendable(session, paid), is_new=is_new)


async def note_refund(session: AsyncSession, notice: RefundNotice) -> RefundRead:
    """Write down Stars that went back, as the bot was told. Raises ChargeNotFoundError."""
    found, is_new = await settlement.note_refund(
        session, notice.telegram_payment_charge_id, notice.telegram_id, RefundSource.UPDATE
    )
    return RefundRead(order=found.read(), balance=await _spendable(session, found), is_new=is_new)


async def list_charges(session: AsyncSession, *, telegram_id: int | None, limit: int) -> list[ChargeRow]:
    """Payments, the newest first, for their operator."""
    return await queries.list_charges(session, telegram_id=telegram_id, limit=limit)


async def begin_refund(session: AsyncSession, charge_id: str, *, actor: str, reason: str) -> RefundClaim | None:
    """Set the credits of a payment aside and claim its refund; None when its Stars have gone back already.

    A refund that is in doubt is claimed again. Raises ChargeNotFoundError, InsufficientCreditsError, RefundInFlightError.
    """
    found = await queries.lock_order_of_charge(session, charge_id)
    if found is None:
        raise ChargeNotFoundError
    if found.status is OrderStatus.REFUNDED:
        return None
    live = await queries.find_refund(session, found.id)
    if live is not None:
        refund_id = live.id
    else:
        memo = Memo(str(found.public_id), reason, actor=actor)
        transfer_id = await ledger.refund(session, user_id=found.user_id, amount=found.credits, memo=memo)
        values = {"source": RefundSource.OPERATOR, "transfer_id": transfer_id, "shortfall": 0, "actor": actor, "reason": reason}
        refund_id = await queries.insert_refund(session, found.id, state=RefundState.REFUNDING, **values)
        await queries.mark_status(session, found.id, OrderStatus.REFUNDING)
    claim = await queries.claim_refund(session, refund_id)
    if claim is None:
        raise RefundInFlightError
    return claim


async def claim_refund(session: AsyncSession, refund_id: int) -> RefundClaim | None:
    """A refund in doubt, to ask Telegram about; None when it has ended or is another one's now."""
    return await queries.claim_refund(session, refund_id)


async def end_refund(session: AsyncSession, claim: RefundClaim) -> bool:
    """The Stars went back; False when another one has written the end."""
    if await queries.lock_order_of_refund(session, claim.refund_id) is None:
        return False
    is_ours = await queries.mark_refund(session, refund_id=claim.refund_id, epoch=claim.epoch, state=RefundState.REFUNDED)
    if is_ours:
        await queries.mark_status(session, claim.order_id, OrderStatus.REFUNDED)
    return is_ours


async def return_refund(session: AsyncSession, claim: RefundClaim, *, error: str) -> bool:
    """The Stars surely did not go back: put the credits back; False when another one has written the end."""
    found = await queries.lock_order_of_refund(session, claim.refund_id)
    live = await queries.find_refund(session, claim.order_id)
    if found is None or live is None or (live.id, live.epoch, live.state) != (claim.refund_id, claim.epoch, RefundState.REFUNDING):
        return False
    memo = Memo(str(found.public_id), "Telegram refused the refund", actor="telegram")
    transfer_id = await ledger.return_refund(session, user_id=found.user_id, amount=found.credits, memo=memo)
    await queries.mark_refund(
        session,
        refund_id=claim.refund_id,
        epoch=claim.epoch,
        state=RefundState.REFUSED,
        return_transfer_id=transfer_id,
        error=error,
    )
    await queries.mark_status(session, claim.order_id, OrderStatus.PAID)
    return True


async def doubt_refund(session: AsyncSession, claim: RefundClaim, *, error: str) -> None:
    """It is not known whether the Stars went back: the credits stay aside, and the next one may ask."""
    await queries.mark_doubt(session, claim, error)


def _refusal(found: Order | None, asked: PreCheckout) -> Refusal | None:
    if found is None:
        return Refusal.ORDER_NOT_FOUND
    differs = rules.mismatch(
        owner=found.telegram_id,
        price_stars=found.price_stars,
        telegram_id=asked.telegram_id,
        currency=asked.currency,
        total_amount=asked.total_amount,
    )
    return differs or rules.unpayable(found.status, is_approved=found.is_approved)


async def _spendable(session: AsyncSession, found: Order) -> int:
    return (await ledger.balance(session, found.telegram_id)).balance
