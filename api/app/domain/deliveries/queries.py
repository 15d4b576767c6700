"""SQL of deliveries. Every write after the claim names its epoch: 0 rows means that it is somebody else's now."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.deliveries.models import FeedCursor, GenerationDelivery
from app.domain.deliveries.rules import AFTER, OPEN_STATES, SENDS_MAX, DeliveryState, Outcome
from app.domain.deliveries.schemas import Claimed, FeedCursorRead, Standing

# MATERIALIZED, or a join could run the locking select again and take more than the limit.
_CLAIM = text("""
    WITH next AS MATERIALIZED (
        SELECT generation_id FROM generation_deliveries
        WHERE state IN ('due', 'sending') AND claimable_at <= clock_timestamp()
        ORDER BY claimable_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE generation_deliveries delivery SET
        state = 'sending', epoch = delivery.epoch + 1, attempts = delivery.attempts + 1,
        claimable_at = clock_timestamp() + make_interval(secs => :lease_s)
    FROM next WHERE delivery.generation_id = next.generation_id
    RETURNING delivery.generation_id, delivery.epoch, delivery.attempts
""")
_START = text("""
    UPDATE generation_deliveries SET
        sends = least(sends + 1, :sends_max), started_epoch = epoch,
        state = CASE WHEN sends < :sends_max THEN state ELSE 'given_up' END,
        ended_at = CASE WHEN sends < :sends_max THEN NULL ELSE now() END
    WHERE generation_id = :generation_id AND epoch = :epoch AND state = 'sending' AND claimable_at > clock_timestamp()
    RETURNING state
""")
_POSTPONE = text("""
    UPDATE generation_deliveries SET
        state = 'due', claimable_at = clock_timestamp() + make_interval(secs => :retry_after_s),
        sends = sends - CASE WHEN started_epoch = epoch THEN 1 ELSE 0 END, started_epoch = NULL
    WHERE generation_id = :generation_id AND epoch = :epoch AND state = 'sending'
    RETURNING state
""")
_END = text("""
    UPDATE generation_deliveries SET state = :state, ended_at = now(), message_ids = :message_ids, file_ids = :file_ids
    WHERE generation_id = :generation_id AND epoch = :epoch AND state = 'sending'
    RETURNING state
""").bindparams(bindparam("message_ids", type_=JSONB), bindparam("file_ids", type_=JSONB))


async def claim(session: AsyncSession, *, limit: int, lease_s: int) -> list[Claimed]:
    """Take what is due, and what was claimed by somebody whose lease is over; the longest due first."""
    rows = await session.execute(_CLAIM, {"limit": limit, "lease_s": lease_s})
    return [Claimed.model_validate(row) for row in rows]


async def mark_started(session: AsyncSession, generation_id: int, epoch: int) -> DeliveryState | None:
    """Count a sending, or give up when there were as many as there may be; None when the claim or its lease is over."""
    asked = {"generation_id": generation_id, "epoch": epoch, "sends_max": SENDS_MAX}
    state = (await session.execute(_START, asked)).scalar_one_or_none()
    return None if state is None else DeliveryState(state)


async def mark_postponed(session: AsyncSession, generation_id: int, epoch: int, *, retry_after_s: int) -> bool:
    """Due again after a while, and the claim's sending is not counted; False when the claim is over."""
    asked = {"generation_id": generation_id, "epoch": epoch, "retry_after_s": retry_after_s}
    return (await session.execute(_POSTPONE, asked)).scalar_one_or_none() is not None


async def mark_ended(
    session: AsyncSession, generation_id: int, epoch: int, outcome: Outcome, *, message_ids: list[int], file_ids: list[Any]
) -> bool:
    """Told, or not to be told; False when the claim is over."""
    asked = {
        "generation_id": generation_id,
        "epoch": epoch,
        "state": AFTER[outcome],
        "message_ids": message_ids,
        "file_ids": file_ids,
    }
    return (await session.execute(_END, asked)).scalar_one_or_none() is not None


async def find_standing(session: AsyncSession, generation_id: int) -> Standing | None:
    """Whose a delivery is and how far, as it was last committed."""
    statement = select(GenerationDelivery.epoch, GenerationDelivery.state).where(GenerationDelivery.generation_id == generation_id)
    row = (await session.execute(statement)).one_or_none()
    return Standing.model_validate(row) if row else None


async def find_file_ids(session: AsyncSession, generation_id: int) -> list[Any] | None:
    """Telegram's ids of a delivered generation's pictures."""
    statement = select(GenerationDelivery.file_ids).where(
        GenerationDelivery.generation_id == generation_id, GenerationDelivery.state == DeliveryState.DELIVERED
    )
    return await session.scalar(statement)


async def mark_given_up(session: AsyncSession, *, older_than_days: int, limit: int) -> Sequence[int]:
    """End the oldest of those that nobody could tell for so long; returns their generations."""
    old = (
        select(GenerationDelivery.generation_id)
        .where(
            GenerationDelivery.state.in_(OPEN_STATES),
            GenerationDelivery.created_at < func.now() - func.make_interval(0, 0, 0, older_than_days),
        )
        .order_by(GenerationDelivery.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        update(GenerationDelivery)
        .where(GenerationDelivery.generation_id == old.c.generation_id)
        .values(state=DeliveryState.GIVEN_UP, ended_at=func.now())
        .returning(GenerationDelivery.generation_id)
    )
    return (await session.scalars(statement)).all()


async def mark_doubted(session: AsyncSession) -> int:
    """Count a sending of whatever is open, where one may still be counted; returns of how many."""
    statement = update(GenerationDelivery).where(GenerationDelivery.state.in_(OPEN_STATES), GenerationDelivery.sends < SENDS_MAX)
    marked = await session.scalars(statement.values(sends=GenerationDelivery.sends + 1).returning(GenerationDelivery.generation_id))
    return len(marked.all())


async def upsert_cursor(session: AsyncSession, name: str, last_event_id: int) -> FeedCursorRead:
    """Move a cursor forward; one that is further already stays."""
    statement = insert(FeedCursor).values(name=name, last_event_id=last_event_id)
    furthest = func.greatest(FeedCursor.last_event_id, statement.excluded.last_event_id)
    statement = statement.on_conflict_do_update(
        index_elements=[FeedCursor.name], set_={"last_event_id": furthest, "updated_at": func.now()}
    )
    moved = await session.scalar(statement.returning(FeedCursor.last_event_id))
    return FeedCursorRead(name=name, last_event_id=moved)


async def find_cursor(session: AsyncSession, name: str) -> int | None:
    """The last event that was dealt with under this name."""
    return await session.scalar(select(FeedCursor.last_event_id).where(FeedCursor.name == name))
