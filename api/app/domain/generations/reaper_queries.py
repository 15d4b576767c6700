"""SQL that the reaper asks: what is overdue, what may have lost its job, and what must not be."""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.generations.models import GenerationRequest
from app.domain.generations.rules import ACTIVE_STATUSES

# By the ends of the newest ids: the audit reads all of them, every few minutes.
_UNSETTLED = text("""
    SELECT generation.id FROM (
        SELECT * FROM generation_requests ORDER BY id DESC LIMIT :newest
    ) generation
    LEFT JOIN ledger_transfers ending ON ending.hold_id = generation.hold_id
    LEFT JOIN trial_uses trial ON trial.id = generation.trial_use_id
    WHERE generation.status IN ('completed', 'failed', 'cancelled')
        AND coalesce(ending.entry_type, trial.state, '') <> ALL (
            CASE generation.status WHEN 'completed' THEN ARRAY['generation_capture', 'used']
            ELSE ARRAY['generation_release', 'restored'] END
        )
""")
_WAITING_EVENTS = text("""
    SELECT count(*) FROM generation_events
    WHERE position IS NULL AND created_at < now() - make_interval(secs => :age_s)
""")


async def list_overdue_ids(session: AsyncSession, *, limit: int) -> list[int]:
    """Generations past their deadline, the oldest first."""
    statement = (
        select(GenerationRequest.id)
        .where(GenerationRequest.status.in_(ACTIVE_STATUSES), GenerationRequest.deadline_at < func.clock_timestamp())
        .order_by(GenerationRequest.deadline_at)
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def list_active_ids(session: AsyncSession, *, older_than_s: float, after_id: int, limit: int) -> list[int]:
    """Generations after that one that have not ended and are at least so old, the oldest first."""
    statement = (
        select(GenerationRequest.id)
        .where(
            GenerationRequest.status.in_(ACTIVE_STATUSES),
            GenerationRequest.id > after_id,
            GenerationRequest.created_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than_s),
        )
        .order_by(GenerationRequest.id)
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def list_unsettled_ids(session: AsyncSession, *, newest: int) -> list[int]:
    """Of the newest generations, those that have ended without their capture or release; there must be none."""
    return list(await session.scalars(_UNSETTLED, {"newest": newest}))


async def count_waiting_events(session: AsyncSession, *, older_than_s: float) -> int:
    """Events of that age that have no place in the feed."""
    return int(await session.scalar(_WAITING_EVENTS, {"age_s": older_than_s}) or 0)
