"""The verb of the figures: read."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.stats import queries
from app.domain.stats.schemas import LastAudit, Stats


async def read(session: AsyncSession) -> Stats:
    """What the whole installation is doing now."""
    queue = await queries.get_queue(session)
    audit = await queries.find_last_audit(session)
    return Stats(
        active=await queries.count_active(session),
        queue_depth=int(queue.depth),
        queue_age_s=float(queue.age_s),
        slots_taken=int(queue.taken),
        holds_credits=await queries.get_held_credits(session),
        unknown_attempts=await queries.count_unknown(session),
        accounts_frozen=await queries.count_frozen(session),
        last_audit=LastAudit(audit.violations, float(audit.started_s), audit.took_ms / 1000) if audit else None,
    )
