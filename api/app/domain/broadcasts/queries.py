"""SQL of broadcasts. What changes recipients holds the lock of their broadcast, so claims, reports and the stop come one by one."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.broadcasts.models import Broadcast
from app.domain.broadcasts.rules import BroadcastState, Report

RECIPIENTS_TIMEOUT_MS = 300_000

# Who chose no language speaks the one that Telegram says: `uz`, or `en-GB` with a region.
_INSERT_RECIPIENTS = text("""
    INSERT INTO broadcast_recipients (broadcast_id, user_id)
    SELECT :broadcast_id, id FROM users
    WHERE banned_at IS NULL AND (
        CAST(:language AS text) IS NULL
        OR coalesce(preferences ->> 'language', split_part(lower(language_code), '-', 1)) = :language
    )
""")
_CLAIM = text("""
    WITH next AS MATERIALIZED (
        SELECT user_id FROM broadcast_recipients WHERE broadcast_id = :broadcast_id AND state = 'due'
        ORDER BY user_id LIMIT :limit
    )
    UPDATE broadcast_recipients recipient SET state = 'claimed', claim = :claim, claimed_at = clock_timestamp()
    FROM next JOIN users person ON person.id = next.user_id
    WHERE recipient.broadcast_id = :broadcast_id AND recipient.user_id = next.user_id AND recipient.state = 'due'
    RETURNING person.telegram_id
""")
_REPORT = text("""
    WITH told (telegram_id, state) AS (SELECT * FROM unnest(CAST(:telegram_ids AS bigint[]), CAST(:states AS text[])))
    UPDATE broadcast_recipients recipient SET
        state = CASE told.state WHEN 'returned' THEN 'due' ELSE told.state END,
        claim = CASE told.state WHEN 'returned' THEN NULL ELSE claim END,
        claimed_at = CASE told.state WHEN 'returned' THEN NULL ELSE claimed_at END
    FROM told JOIN users person ON person.telegram_id = told.telegram_id
    WHERE recipient.broadcast_id = :broadcast_id AND recipient.user_id = person.id
        AND recipient.state = 'claimed' AND recipient.claim = :claim
    RETURNING told.state
""")
_FAIL_LOST = text("""
    UPDATE broadcast_recipients SET state = 'failed'
    WHERE broadcast_id = :broadcast_id AND state = 'claimed' AND claimed_at < clock_timestamp() - make_interval(secs => :age_s)
    RETURNING user_id
""")


async def insert_broadcast(session: AsyncSession, values: Mapping[str, object]) -> Broadcast:
    """A broadcast that has no recipients yet."""
    return (await session.scalars(insert(Broadcast).values(values).returning(Broadcast))).one()


async def insert_recipients(session: AsyncSession, broadcast_id: int, language: str | None) -> int:
    """Everybody who is not banned and speaks the language, in one statement, which may take its time; returns how many."""
    await session.execute(text(f"SET LOCAL statement_timeout = {RECIPIENTS_TIMEOUT_MS}"))
    result = await session.execute(_INSERT_RECIPIENTS, {"broadcast_id": broadcast_id, "language": language})
    return int(getattr(result, "rowcount", 0))


async def find_broadcast(session: AsyncSession, public_id: UUID) -> Broadcast | None:
    """The broadcast with this id."""
    return await session.scalar(select(Broadcast).where(Broadcast.public_id == public_id))


async def lock_broadcast(session: AsyncSession, public_id: UUID) -> Broadcast | None:
    """The broadcast as it is, locked until the transaction ends."""
    statement = select(Broadcast).where(Broadcast.public_id == public_id).with_for_update(key_share=True)
    return await session.scalar(statement, execution_options={"populate_existing": True})


async def list_broadcasts(
    session: AsyncSession, *, state: BroadcastState | None, before_id: int | None, limit: int
) -> Sequence[Broadcast]:
    """Broadcasts, the newest first."""
    statement = select(Broadcast).order_by(Broadcast.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(Broadcast.state == state)
    if before_id is not None:
        statement = statement.where(Broadcast.id < before_id)
    return (await session.scalars(statement)).all()


async def claim_recipients(session: AsyncSession, broadcast: Broadcast, *, limit: int) -> tuple[int, list[int]]:
    """Hand out who is due: the claim's number, and Telegram's ids. The caller holds the broadcast's lock."""
    number = broadcast.claims + 1
    asked = {"broadcast_id": broadcast.id, "claim": number, "limit": limit}
    telegram_ids = list((await session.execute(_CLAIM, asked)).scalars())
    await _mark(session, broadcast, claims=number)
    return number, telegram_ids


async def mark_reported(session: AsyncSession, broadcast: Broadcast, claim: int, told: Mapping[int, Report]) -> list[Report]:
    """Write down what became of those that this claim still has; returns it. The caller holds the broadcast's lock."""
    asked = {"broadcast_id": broadcast.id, "claim": claim, "telegram_ids": list(told), "states": list(told.values())}
    return [Report(state) for state in (await session.execute(_REPORT, asked)).scalars()]


async def mark_lost(session: AsyncSession, broadcast: Broadcast, *, age_s: float) -> int:
    """Fail those that were handed out so long ago and never reported; returns how many. The caller holds the broadcast's lock."""
    return len((await session.execute(_FAIL_LOST, {"broadcast_id": broadcast.id, "age_s": age_s})).all())


async def mark_counted(session: AsyncSession, broadcast: Broadcast, **counters: int) -> None:
    """Set the counters of a broadcast that the caller has locked."""
    await _mark(session, broadcast, **counters)


async def mark_ended(session: AsyncSession, broadcast: Broadcast, state: BroadcastState) -> None:
    """No more recipients are handed out. The caller holds the broadcast's lock."""
    await _mark(session, broadcast, state=state, ended_at=func.now())


async def stop_running(session: AsyncSession) -> int:
    """End every broadcast that runs; returns how many."""
    statement = update(Broadcast).where(Broadcast.state == BroadcastState.RUNNING)
    stopped = await session.scalars(statement.values(state=BroadcastState.STOPPED, ended_at=func.now()).returning(Broadcast.id))
    return len(stopped.all())


async def _mark(session: AsyncSession, broadcast: Broadcast, **values: object) -> None:
    statement = update(Broadcast).where(Broadcast.id == broadcast.id).values(values).returning(Broadcast)
    await session.execute(statement, execution_options={"populate_existing": True})
