"""SQL of trials."""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
from app.domain.trial.models import TrialUse
from app.domain.trial.rules import TrialState

# The lowest free slot is the first one, or follows a taken one. A series of all slots would be planned anew for each order.
_TAKE_SLOT = wire.Statement(
    text("""
    WITH taken AS (
        SELECT slot FROM trial_uses WHERE user_id = CAST(:user_id AS bigint) AND state <> 'restored'
    )
    INSERT INTO trial_uses (user_id, slot, slot_limit, state)
    SELECT CAST(:user_id AS bigint), free.slot, CAST(:slot_limit AS smallint), 'held' FROM (
        SELECT min(slot) AS slot FROM (SELECT 1 AS slot UNION ALL SELECT slot + 1 FROM taken) candidate
        WHERE slot NOT IN (SELECT slot FROM taken)
    ) free
    WHERE free.slot <= CAST(:slot_limit AS smallint)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
)
_SETTLE = wire.Statement(
    text("UPDATE trial_uses SET state = :state, settled_at = now() WHERE id = :use_id AND state = 'held' RETURNING id")
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
    return await wire.fetch_value(session, _SETTLE, {"use_id": use_id, "state": state}) is not None
