"""SQL of the book. Only app.domain.ledger.service may call these: money has one door.

The triggers of migration 0002 compute seq, balance_after and the hash chain; a statement here only says which account gets
which amount. Entries are inserted in the order of their account ids, and each insert locks its account, so two transfers can
never wait for each other crosswise.
"""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
from app.domain.ledger.models import LedgerAccount, LedgerEntry
from app.domain.ledger.rules import AccountKind, EntryType
from app.domain.ledger.schemas import Balance, FreezeRead, Memo, Violation, WalletEntry

_OPEN_WALLET = text("INSERT INTO ledger_accounts (kind, user_id) VALUES ('wallet', :user_id) ON CONFLICT DO NOTHING")

# One statement, so that both figures are of one moment. An open hold is the newest of its wallet (one active generation per user);
# four are looked at, each by an index, and none of the history behind them.
_BALANCE = wire.Statement(
    text("""
    SELECT coalesce((
        SELECT balance_after FROM ledger_entries WHERE account_id = wallet.id ORDER BY seq DESC LIMIT 1
    ), 0) AS spendable, coalesce((
        SELECT -sum(hold.amount) FROM (
            SELECT transfer_id, amount FROM ledger_entries
            WHERE account_id = wallet.id AND entry_type = 'generation_hold' ORDER BY seq DESC LIMIT 4
        ) hold
        WHERE NOT EXISTS (SELECT FROM ledger_transfers ending WHERE ending.hold_id = hold.transfer_id)
    ), 0) AS held
    FROM ledger_accounts wallet WHERE wallet.user_id = :user_id
""")
)

_WALLET_TRANSFER = wire.Statement(
    text("""
    WITH transfer AS (
        INSERT INTO ledger_transfers (entry_type, actor) VALUES (:entry_type, :actor) RETURNING id, entry_type
    ), legs (account_id, amount) AS (
        SELECT id, CAST(:amount AS bigint) FROM ledger_accounts WHERE user_id = :user_id
        UNION ALL
        SELECT id, -CAST(:amount AS bigint) FROM ledger_accounts WHERE kind = :house_kind AND stripe = :stripe
    )
    INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type, reference_id, description)
    SELECT transfer.id, legs.account_id, legs.amount, transfer.entry_type, :reference_id, :description
    FROM transfer CROSS JOIN legs ORDER BY legs.account_id
    RETURNING id, transfer_id, account_kind, balance_after
""")
)

# In the order in which entries lock their accounts. What is read after it is the balance until this transaction ends.
_LOCK_FOR_REFUND = text("""
    SELECT id FROM ledger_accounts WHERE user_id = :user_id OR kind IN ('stars', 'revenue') AND stripe = :stripe
    ORDER BY id FOR NO KEY UPDATE
""")
_REFUND_ANYHOW = text("""
    WITH transfer AS (
        INSERT INTO ledger_transfers (entry_type, actor) VALUES ('refund', :actor) RETURNING id, entry_type
    ), legs (account_id, amount) AS (
        SELECT id, -CAST(:taken AS bigint) FROM ledger_accounts WHERE user_id = :user_id
        UNION ALL
        SELECT id, -CAST(:shortfall AS bigint) FROM ledger_accounts WHERE kind = 'revenue' AND stripe = :stripe
        UNION ALL
        SELECT id, CAST(:taken AS bigint) + :shortfall FROM ledger_accounts WHERE kind = 'stars' AND stripe = :stripe
    )
    INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type, reference_id, description)
    SELECT transfer.id, legs.account_id, legs.amount, transfer.entry_type, :reference_id, :description
    FROM transfer CROSS JOIN legs WHERE legs.amount <> 0 ORDER BY legs.account_id
    RETURNING transfer_id
""")

# The amounts and accounts of an end are read from the hold itself, so it cannot return more than was held, nor to somebody else.
_END_HOLD = wire.Statement(
    text("""
    WITH hold AS (
        SELECT id FROM ledger_transfers WHERE id = :hold_id AND entry_type = 'generation_hold'
    ), transfer AS (
        INSERT INTO ledger_transfers (entry_type, hold_id) SELECT :entry_type, id FROM hold
        ON CONFLICT (hold_id) DO NOTHING RETURNING id, entry_type
    ), legs (account_id, amount) AS (
        SELECT entry.account_id, -entry.amount FROM ledger_entries entry
        WHERE entry.transfer_id = :hold_id AND entry.account_kind = 'holds'
        UNION ALL
        SELECT CASE WHEN :to_wallet THEN wallet.account_id ELSE revenue.id END, -wallet.amount
        FROM ledger_entries wallet
        JOIN ledger_entries held ON held.transfer_id = wallet.transfer_id AND held.account_kind = 'holds'
        JOIN ledger_accounts stripe ON stripe.id = held.account_id
        JOIN ledger_accounts revenue ON revenue.kind = 'revenue' AND revenue.stripe = stripe.stripe
        WHERE wallet.transfer_id = :hold_id AND wallet.account_kind = 'wallet'
    )
    INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type, reference_id, description)
    SELECT transfer.id, legs.account_id, legs.amount, transfer.entry_type, :reference_id, :description
    FROM transfer CROSS JOIN legs ORDER BY legs.account_id
    RETURNING transfer_id
""")
)

# The account's lock makes a hold that is being written come first and be seen whole, or come second and be refused.
_FREEZE = text("""
    WITH wallet AS (
        SELECT id FROM ledger_accounts WHERE id = ANY(:account_ids) AND kind = 'wallet' ORDER BY id FOR NO KEY UPDATE
    )
    INSERT INTO ledger_freezes (account_id, invariant, violation, evidence)
    SELECT wallet.id, :invariant, found.violation, found.evidence
    FROM unnest(CAST(:account_ids AS bigint[]), CAST(:examples AS text[]), CAST(:evidences AS text[]))
        found (account_id, violation, evidence)
    JOIN wallet ON wallet.id = found.account_id
    ON CONFLICT (account_id, invariant, evidence) DO NOTHING
    RETURNING account_id
""")

_FROZEN = text("""
    SELECT found.account_id, person.telegram_id, found.invariant, found.violation, found.created_at
    FROM ledger_freezes found
    JOIN ledger_accounts wallet ON wallet.id = found.account_id JOIN users person ON person.id = wallet.user_id
    WHERE found.lifted_at IS NULL ORDER BY found.id LIMIT :limit
""")

_LIFT = text("""
    UPDATE ledger_freezes SET lifted_at = clock_timestamp(), lifted_reason = :reason
    WHERE account_id = :account_id AND lifted_at IS NULL RETURNING id
""")


async def open_wallet(session: AsyncSession, user_id: int) -> None:
    """Give the user a wallet if there is none yet."""
    await session.execute(_OPEN_WALLET, {"user_id": user_id})


async def get_balance(session: AsyncSession, user_id: int) -> Balance:
    """What the wallet's newest entry says and what its open holds have reserved; zeros without a wallet."""
    row = await wire.fetch_row(session, _BALANCE, {"user_id": user_id})
    return Balance(spendable=int(row["spendable"]), held=int(row["held"])) if row else Balance(spendable=0, held=0)


async def insert_wallet_transfer(
    session: AsyncSession, *, entry_type: EntryType, user_id: int, amount: int, house_kind: AccountKind, stripe: int, memo: Memo
) -> WalletEntry:
    """Move `amount` into the user's wallet (negative: out of it) from a house account; returns the wallet's new entry."""
    parameters = {
        "entry_type": entry_type,
        "actor": memo.actor,
        "user_id": user_id,
        "amount": amount,
        "house_kind": house_kind,
        "stripe": stripe,
        "reference_id": memo.reference_id,
        "description": memo.description,
    }
    rows = await wire.fetch(session, _WALLET_TRANSFER, parameters)
    wallet = next(row for row in rows if row["account_kind"] == AccountKind.WALLET)
    return WalletEntry(id=wallet["id"], transfer_id=wallet["transfer_id"], balance_after=wallet["balance_after"])


async def lock_for_refund(session: AsyncSession, user_id: int, *, stripe: int) -> None:
    """Lock the wallet and the house's accounts that a refund moves, so that the balance read next stays as it is."""
    await session.execute(_LOCK_FOR_REFUND, {"user_id": user_id, "stripe": stripe})


async def insert_refund_anyhow(session: AsyncSession, *, user_id: int, taken: int, shortfall: int, stripe: int, memo: Memo) -> int:
    """Move `taken` out of the wallet and `shortfall` out of the revenue to the Stars; returns the transfer's id."""
    parameters = {
        "user_id": user_id,
        "taken": taken,
        "shortfall": shortfall,
        "stripe": stripe,
        "actor": memo.actor,
        "reference_id": memo.reference_id,
        "description": memo.description,
    }
    return int((await session.execute(_REFUND_ANYHOW, parameters)).scalars().all()[0])


async def list_entries(session: AsyncSession, user_id: int, *, before_seq: int | None, limit: int) -> Sequence[LedgerEntry]:
    """A wallet's entries, the newest first, older than `before_seq`."""
    # Not a join: that would sort the whole history for one page, while a single account is read along its index.
    wallet_id = select(LedgerAccount.id).where(LedgerAccount.user_id == user_id).scalar_subquery()
    statement = select(LedgerEntry).where(LedgerEntry.account_id == wallet_id).order_by(LedgerEntry.seq.desc()).limit(limit)
    if before_seq is not None:
        statement = statement.where(LedgerEntry.seq < before_seq)
    return (await session.scalars(statement)).all()


async def insert_hold_end(session: AsyncSession, *, hold_id: int, entry_type: EntryType, memo: Memo) -> int | None:
    """Capture or release a hold; None when it has ended before or is no hold."""
    parameters = {
        "hold_id": hold_id,
        "entry_type": entry_type,
        "to_wallet": entry_type is EntryType.GENERATION_RELEASE,
        "reference_id": memo.reference_id,
        "description": memo.description,
    }
    found = await wire.fetch_value(session, _END_HOLD, parameters)
    return None if found is None else int(found)


async def insert_freezes(session: AsyncSession, invariant: str, found: Sequence[Violation]) -> list[int]:
    """Freeze the wallets among these accounts; returns those that this call froze. What was found before freezes nothing."""
    parameters = {
        "invariant": invariant,
        "account_ids": [one.account_id for one in found],
        "examples": [one.example for one in found],
        "evidences": [one.evidence for one in found],
    }
    return list((await session.execute(_FREEZE, parameters)).scalars())


async def list_freezes(session: AsyncSession, *, limit: int) -> list[FreezeRead]:
    """What is frozen now and why, the oldest first."""
    return [FreezeRead.model_validate(row) for row in await session.execute(_FROZEN, {"limit": limit})]


async def mark_lifted(session: AsyncSession, account_id: int, reason: str) -> int:
    """End every freeze of an account; returns how many there were."""
    return len((await session.execute(_LIFT, {"account_id": account_id, "reason": reason})).all())
