"""Work on payments that has to ask Telegram: giving Stars back, and comparing its transactions with what was credited.

Telegram is only asked between two transactions. A refund's credits and its claim are committed before it is asked; whoever dies
after that leaves the order `refunding`, and the next reconciliation asks again: Telegram gives a payment back once, however often
it is asked to.
"""

from functools import partial

from app.core.errors import RassomError
from app.core.logging import get_logger
from app.domain.payments import queries, service, settlement
from app.domain.payments.errors import (
    ChargeNotFoundError,
    OrderNotFoundError,
    PaymentMismatchError,
    RefundInFlightError,
    RefundRefusedError,
    RefundUnknownError,
    TelegramNotConfiguredError,
    TelegramUnavailableError,
)
from app.domain.payments.rules import CURRENCY, ChargeSource, RefundSource
from app.domain.payments.schemas import Payment, Reconciled, RefundClaim, Stray
from app.queue.worker import ScheduledJob
from app.resources import Resources
from app.telegram.client import TelegramClient
from app.telegram.errors import BusyError, RefusedError, TelegramError, UnknownError
from app.telegram.stars import PAGE_SIZE, StarTransaction

OVERLAP = PAGE_SIZE
"""Transactions that are compared again each time, in case one turned up late among those that had been read."""

REFUNDS_PER_ROUND = 1000

_log = get_logger(__name__)


def wire_jobs(resources: Resources) -> list[ScheduledJob]:
    """The jobs of this room, bound to the process's resources; none without a bot's token, which is said."""
    if resources.telegram is None:
        _log.info("payments_not_reconciled", reason="BOT_TOKEN is not set")
        return []
    return [ScheduledJob("reconcile_payments", "23 * * * *", partial(reconcile_hourly, resources))]


async def reconcile_hourly(resources: Resources) -> None:
    """Reconcile, and leave it to the next hour when Telegram cannot be asked."""
    try:
        report = await reconcile(resources)
    except TelegramUnavailableError as error:
        _log.warning("payments_not_reconciled", reason=str(error))
        return
    _log.info("payments_reconciled", **report.model_dump(exclude={"strays"}), strays=len(report.strays))


async def refund(resources: Resources, charge_id: str, *, actor: str, reason: str) -> bool:
    """Give the Stars of a payment back, its credits first; False when they had gone back before.

    Raises ChargeNotFoundError, InsufficientCreditsError, RefundInFlightError, RefundRefusedError, RefundUnknownError,
    TelegramNotConfiguredError.
    """
    telegram = _telegram_of(resources)
    async with resources.transaction() as session:
        claim = await service.begin_refund(session, charge_id, actor=actor, reason=reason)
    if claim is None:
        return False
    await _ask_for_refund(resources, telegram, claim)
    return True


async def reconcile(resources: Resources, *, from_start: bool = False) -> Reconciled:
    """Compare Telegram's transactions with what was credited, from where the last time ended; then end the refunds in doubt.

    Each page's end is kept when all of it was compared. Raises TelegramUnavailableError, TelegramNotConfiguredError.
    """
    telegram, report = _telegram_of(resources), Reconciled()
    async with resources.reading() as session:
        known = 0 if from_start else await queries.find_position(session, telegram.bot_id)
    offset, is_last = max(0, known - OVERLAP), False
    while not is_last:
        try:
            page = await telegram.list_star_transactions(offset=offset)
        except TelegramError as error:
            raise TelegramUnavailableError(error.reason) from error
        if offset and not page and not report.seen:
            # Fewer than there were: another Telegram, such as a test one that began anew.
            offset = 0
            continue
        await _compare_page(resources, page, report)
        offset, is_last = offset + len(page), len(page) < PAGE_SIZE
        async with resources.transaction() as session:
            await queries.save_position(session, telegram.bot_id, offset)
    await _end_refunds(resources, telegram, report)
    return report


async def _compare_page(resources: Resources, page: list[StarTransaction], report: Reconciled) -> None:
    async with resources.reading() as session:
        settled = await queries.list_settled(session, [each.id for each in page])
    for each in page:
        report.seen += 1
        if each.telegram_id is None or (settled.get(each.id) if each.is_refund else each.id in settled):
            continue
        try:
            await _compare(resources, each, each.telegram_id, report)
        except (OrderNotFoundError, PaymentMismatchError) as error:
            reason = str(error.members.get("reason", error.code))
            _log.error("payment_stray", charge_id=each.id, telegram_id=each.telegram_id, stars=each.stars, reason=reason)
            report.strays.append(Stray(charge_id=each.id, telegram_id=each.telegram_id, stars=each.stars, reason=reason))


async def _compare(resources: Resources, each: StarTransaction, telegram_id: int, report: Reconciled) -> None:
    """Raises OrderNotFoundError, PaymentMismatchError of money that cannot be credited to anybody."""
    if each.is_refund:
        try:
            async with resources.transaction() as session:
                _, is_new = await settlement.note_refund(session, each.id, telegram_id, RefundSource.RECONCILE)
        except ChargeNotFoundError:
            _log.info("refund_of_a_stray", charge_id=each.id, telegram_id=telegram_id)
            return
        report.refunded += is_new
    elif each.payload is not None:
        payment = Payment(telegram_id, each.payload, CURRENCY, each.stars, each.id, ChargeSource.RECONCILE)
        async with resources.transaction() as session:
            order, is_new = await settlement.credit(session, payment)
        if is_new:
            _log.warning("payment_found", charge_id=each.id, telegram_id=telegram_id, order=str(order.public_id))
        report.credited += is_new


async def _end_refunds(resources: Resources, telegram: TelegramClient, report: Reconciled) -> None:
    async with resources.reading() as session:
        waiting = await queries.list_refunding(session, limit=REFUNDS_PER_ROUND)
    for refund_id in waiting:
        async with resources.transaction() as session:
            claim = await service.claim_refund(session, refund_id)
        if claim is None:
            continue
        try:
            await _ask_for_refund(resources, telegram, claim)
        except RefundRefusedError:
            report.returned += 1
        except (RefundUnknownError, RefundInFlightError):
            report.open += 1
        else:
            report.ended += 1


async def _ask_for_refund(resources: Resources, telegram: TelegramClient, claim: RefundClaim) -> None:
    """Ask Telegram, and write down what came of it. Raises RefundRefusedError, RefundUnknownError, RefundInFlightError."""
    try:
        await telegram.refund_star_payment(claim.telegram_id, claim.charge_id)
    except RefusedError as refusal:
        # Said of another thing than the payment (a token, say), it tells nothing of an earlier request that is in doubt.
        if not (refusal.is_about_charge or claim.is_first):
            raise await _doubt(resources, claim, refusal.reason) from refusal
        async with resources.transaction() as session:
            is_ours = await service.return_refund(session, claim, error=refusal.reason)
        _log.warning("refund_refused", charge_id=claim.charge_id, reason=refusal.reason, is_ours=is_ours)
        if not is_ours:
            raise RefundInFlightError from refusal
        raise RefundRefusedError(refusal.reason) from refusal
    except (BusyError, UnknownError) as error:
        raise await _doubt(resources, claim, error.reason) from error
    async with resources.transaction() as session:
        is_ours = await service.end_refund(session, claim)
    _log.info("refund_done", charge_id=claim.charge_id, is_ours=is_ours)


async def _doubt(resources: Resources, claim: RefundClaim, reason: str) -> RassomError:
    async with resources.transaction() as session:
        await service.doubt_refund(session, claim, error=reason)
    _log.warning("refund_unknown", charge_id=claim.charge_id, reason=reason)
    return RefundUnknownError(reason)


def _telegram_of(resources: Resources) -> TelegramClient:
    if resources.telegram is None:
        raise TelegramNotConfiguredError
    return resources.telegram
