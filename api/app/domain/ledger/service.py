"""The verbs of money: hold, capture, release, grant, balance, statement, freeze, lift. The only caller of the book's SQL.

The caller holds the user's lock where a balance is read to decide; the database's checks are the last word either way.
"""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.metrics import LEDGER_TRANSFERS
from app.domain.idempotency import service as idempotency
from app.domain.idempotency.schemas import Ticket
from app.domain.ledger import queries, rules
from app.domain.ledger.errors import AccountFrozenError, AccountNotFrozenError, HoldEndedError, InsufficientCreditsError
from app.domain.ledger.rules import AccountKind, EntryType
from app.domain.ledger.schemas import (
    Balance,
    BalanceRead,
    CreditsGrant,
    CreditsRead,
    EntryRead,
    FreezeRead,
    Memo,
    Violation,
    WalletEntry,
)
from app.domain.users import service as users
from app.schemas.page import Page

FREEZES_SHOWN_MAX = 1000


async def balance(session: AsyncSession, telegram_id: int) -> BalanceRead:
    """A user's credits. Raises UserNotFoundError."""
    user_id = await users.require_id(session, telegram_id)
    found = await queries.get_balance(session, user_id)
    return BalanceRead(user_id=user_id, telegram_id=telegram_id, balance=found.spendable, held=found.held)


async def statement(session: AsyncSession, telegram_id: int, *, cursor: int | None, limit: int) -> Page[EntryRead]:
    """A wallet's entries, the newest first. Raises UserNotFoundError."""
    user_id = await users.require_id(session, telegram_id)
    rows = await queries.list_entries(session, user_id, before_seq=cursor, limit=limit + 1)
    items = [EntryRead.model_validate(row) for row in rows[:limit]]
    return Page[EntryRead](items=items, next_cursor=str(rows[limit - 1].seq) if len(rows) > limit else None)


async def hold(session: AsyncSession, *, user_id: int, amount: int, memo: Memo) -> int:
    """Reserve `amount` credits (wallet -> holds); returns the hold's transfer id.

    Raises InsufficientCreditsError, AccountFrozenError.
    """
    found = await _require_affordable(session, user_id=user_id, amount=amount)
    entry = await _move(session, EntryType.GENERATION_HOLD, user_id, -amount, AccountKind.HOLDS, memo, found)
    return entry.transfer_id


def note_hold() -> None:
    """Count a hold that was written as a part of somebody else's statement (app.domain.ledger.parts)."""
    LEDGER_TRANSFERS.labels(entry_type=EntryType.GENERATION_HOLD).inc()


async def capture(session: AsyncSession, *, hold_id: int, memo: Memo) -> None:
    """Take what was held (holds -> revenue). Raises HoldEndedError."""
    await _end(session, hold_id, EntryType.GENERATION_CAPTURE, memo)


async def release(session: AsyncSession, *, hold_id: int, memo: Memo) -> None:
    """Give back what was held (holds -> wallet). Raises HoldEndedError."""
    await _end(session, hold_id, EntryType.GENERATION_RELEASE, memo)


async def topup(session: AsyncSession, *, user_id: int, amount: int, memo: Memo) -> WalletEntry:
    """Credit what was paid for in Stars (stars -> wallet), to a frozen wallet as well; its payment is stored by the caller."""
    await queries.open_wallet(session, user_id)
    found = await _require_affordable(session, user_id=user_id, amount=-amount)
    return await _move(session, EntryType.TOPUP, user_id, amount, AccountKind.STARS, memo, found)


async def refund(session: AsyncSession, *, user_id: int, amount: int, memo: Memo) -> int:
    """Set credits aside whose Stars are to go back (wallet -> stars); returns the transfer's id.

    Raises InsufficientCreditsError.
    """
    found = await _require_affordable(session, user_id=user_id, amount=amount)
    return (await _move(session, EntryType.REFUND, user_id, -amount, AccountKind.STARS, memo, found)).transfer_id


async def return_refund(session: AsyncSession, *, user_id: int, amount: int, memo: Memo) -> int:
    """Put credits back whose Stars did not go back after all (stars -> wallet); returns the transfer's id."""
    found = await _require_affordable(session, user_id=user_id, amount=-amount)
    return (await _move(session, EntryType.REFUND, user_id, amount, AccountKind.STARS, memo, found)).transfer_id


async def refund_anyhow(session: AsyncSession, *, user_id: int, amount: int, memo: Memo) -> tuple[int, int]:
    """Write down that the Stars of `amount` credits have gone back already; the transfer's id and the shortfall.

    The wallet gives what it has. For what was spent (the shortfall) the house's revenue stands: it was its revenue.
    """
    stripe = rules.stripe_of(user_id)
    await queries.lock_for_refund(session, user_id, stripe=stripe)
    found = await queries.get_balance(session, user_id)
    taken = min(found.spendable, amount)
    LEDGER_TRANSFERS.labels(entry_type=EntryType.REFUND).inc()
    transfer_id = await queries.insert_refund_anyhow(
        session, user_id=user_id, taken=taken, shortfall=amount - taken, stripe=stripe, memo=memo
    )
    return transfer_id, amount - taken


async def grant(session: AsyncSession, *, telegram_id: int, amount: int, memo: Memo) -> CreditsRead:
    """Give `amount` credits (negative: take them back, never below zero); a person unknown so far is created.

    Raises InsufficientCreditsError when there is less to take than asked, AccountFrozenError.
    """
    user_id = await users.ensure_id(session, telegram_id)
    await queries.open_wallet(session, user_id)
    found = await _require_affordable(session, user_id=user_id, amount=-amount)
    entry_type = EntryType.GRANT if amount > 0 else EntryType.ADJUSTMENT
    entry = await _move(session, entry_type, user_id, amount, AccountKind.GRANTS, memo, found)
    return CreditsRead(entry_id=entry.id, balance=entry.balance_after)


async def grant_once(session: AsyncSession, body: CreditsGrant, *, actor: str, ticket: Ticket) -> tuple[CreditsRead, bool]:
    """Grant under an idempotency key; the answer, and whether it is the one of an earlier request with this key."""
    key_id, stored = await idempotency.begin(session, ticket)
    if key_id is None:
        return CreditsRead.model_validate(stored), True
    memo = Memo(reference_id=None, description=body.reason, actor=actor)
    granted = await grant(session, telegram_id=body.telegram_id, amount=body.amount, memo=memo)
    await idempotency.finish(session, key_id, effect=f"entry:{granted.entry_id}", answer=granted.model_dump(mode="json"))
    return granted, False


async def freeze(session: AsyncSession, invariant: str, found: Sequence[Violation]) -> list[int]:
    """Freeze the wallets that an audit found in disorder; returns the accounts that this call froze.

    Accounts of the house are never frozen: every customer's credits go through them. What an operator has looked at and lifted
    freezes nothing again; anything found beside it does.
    """
    return await queries.insert_freezes(session, invariant, found) if found else []


async def frozen(session: AsyncSession) -> list[FreezeRead]:
    """The wallets that are frozen now, the first thousand of them."""
    return await queries.list_freezes(session, limit=FREEZES_SHOWN_MAX)


async def lift(session: AsyncSession, account_id: int, *, reason: str) -> None:
    """Let a frozen wallet be used again; what was found stays written down. Raises AccountNotFrozenError."""
    if await queries.mark_lifted(session, account_id, reason) == 0:
        raise AccountNotFrozenError(account_id)


async def _require_affordable(session: AsyncSession, *, user_id: int, amount: int) -> Balance:
    found = await queries.get_balance(session, user_id)
    if not rules.is_affordable(balance=found.spendable, amount=amount):
        raise InsufficientCreditsError(balance=found.spendable, required=amount)
    return found


async def _move(  # noqa: PLR0917 - private; the book's columns in their order
    session: AsyncSession,
    entry_type: EntryType,
    user_id: int,
    amount: int,
    house_kind: AccountKind,
    memo: Memo,
    seen: Balance,
) -> WalletEntry:
    LEDGER_TRANSFERS.labels(entry_type=entry_type).inc()
    try:
        return await queries.insert_wallet_transfer(
            session,
            entry_type=entry_type,
            user_id=user_id,
            amount=amount,
            house_kind=house_kind,
            stripe=rules.stripe_of(user_id),
            memo=memo,
        )
    except IntegrityError as error:
        # Somebody else spent the credits between the look and the insert: the check on balance_after saw it.
        if "balance_not_negative" in str(error.orig):
            raise InsufficientCreditsError(balance=seen.spendable, required=-amount) from error
        if "is frozen" in str(error.orig):
            raise AccountFrozenError from error
        raise


async def _end(session: AsyncSession, hold_id: int, entry_type: EntryType, memo: Memo) -> None:
    if await queries.insert_hold_end(session, hold_id=hold_id, entry_type=entry_type, memo=memo) is None:
        raise HoldEndedError(hold_id)
    LEDGER_TRANSFERS.labels(entry_type=entry_type).inc()
