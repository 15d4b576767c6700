"""SQL of trials."""

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
from app.domain.trial.models import TrialUse
from app.domain.trial.rules import TrialState

_TAKE_SLOT = wire.Statement(
    text("""
    INSERT INTO trial_uses (user_id, slot, slot_limit, state)
    SELECT :user_id, slot, :slot_limit, 'held' FROM generate_series(1, CAST(:slot_limit AS int)) slot
    WHERE NOT EXISTS (
        SELECT FROM trial_uses taken WHERE taken.user_id = :user_id AND taken.slot = slot.slot AND taken.state <> 'restored'
    )
    ORDER BY slot LIMIT 1
    ON CONFLICT DO NOTHING
    RETURNING id
""")
)


async def count_taken(session: AsyncSession, user_id: int) -> int:
    """How many free generations the user has used or is using."""
    statement = select(func.count()).where(TrialUse.user_id == user_id, TrialUse.state != TrialState.RESTORED)
    return (await session.scalars(statement)).one()


async def insert_use(session: AsyncSession, user_id: int, *, slot_limit: int) -> int | None:
    """Take the lowest free slot; None when all are taken (also by a racing transaction: the unique index decides)."""
    use_id: int | None = await wire.fetch_value(session, _TAKE_SLOT, {"user_id": user_id, "slot_limit": slot_limit})
    return use_id


async def mark_settled(session: AsyncSession, use_id: int, state: TrialState) -> bool:
    """End a held use; False when it has ended before."""
    statement = (
        update(TrialUse)
        .where(TrialUse.id == use_id, TrialUse.state == TrialState.HELD)
        .values(state=state, settled_at=func.now())
        .returning(TrialUse.id)
    )
    return await session.scalar(statement) is not None
