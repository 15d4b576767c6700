"""The queue's own log: a row when a job is taken, when it ends and when it is put off. Nothing reads it but people."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_FORGET = text("""
    DELETE FROM pgqueuer_log WHERE id IN (
        SELECT id FROM pgqueuer_log WHERE created < now() - make_interval(days => :days) ORDER BY created LIMIT :limit
    ) RETURNING id
""")


async def forget_log(session: AsyncSession, *, days: int, limit: int) -> int:
    """Delete the oldest rows of that age; returns how many."""
    return len((await session.execute(_FORGET, {"days": days, "limit": limit})).all())
