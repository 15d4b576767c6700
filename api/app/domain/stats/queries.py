"""SQL of the figures an operator watches. Each reads a partial index or a handful of rows, whatever the length of the history."""

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

_ACTIVE = text("""
    SELECT generation.status, model.key, count(*) AS total FROM generation_requests generation
    JOIN model_catalog model ON model.id = generation.model_id
    WHERE generation.status IN ('queued', 'running') GROUP BY generation.status, model.key
""")
_QUEUE = text("""
    SELECT
        count(*) FILTER (WHERE status = 'queued' AND execute_after <= now()) AS depth,
        coalesce(extract(epoch FROM
            now() - min(execute_after) FILTER (WHERE status = 'queued' AND execute_after <= now())
        ), 0) AS age_s,
        count(*) FILTER (WHERE status = 'picked') AS taken
    FROM pgqueuer
""")
_HOLDS = text("""
    SELECT coalesce(sum(last.balance_after), 0) FROM ledger_accounts account CROSS JOIN LATERAL (
        SELECT balance_after FROM ledger_entries WHERE account_id = account.id ORDER BY seq DESC LIMIT 1
    ) last WHERE account.kind = 'holds'
""")
_UNKNOWN = text("SELECT count(*) FROM generation_jobs WHERE state = 'unknown'")

_AUDIT = text("SELECT violations, extract(epoch FROM started_at) AS started_s, took_ms FROM audit_runs ORDER BY id DESC LIMIT 1")
_FROZEN = text("SELECT count(DISTINCT account_id) FROM ledger_freezes WHERE lifted_at IS NULL")


async def count_active(session: AsyncSession) -> dict[tuple[str, str], int]:
    """Generations that have not ended, by (status, model key)."""
    return {(row.status, row.key): row.total for row in await session.execute(_ACTIVE)}


async def get_queue(session: AsyncSession) -> Row[int, float, int]:
    """Jobs that are due and wait, how long the oldest has waited in seconds, and how many run."""
    return (await session.execute(_QUEUE)).one()


async def get_held_credits(session: AsyncSession) -> int:
    """Credits in open holds."""
    return int((await session.execute(_HOLDS)).scalar_one())


async def count_unknown(session: AsyncSession) -> int:
    """Attempts whose outcome is not known."""
    return int((await session.execute(_UNKNOWN)).scalar_one())


async def find_last_audit(session: AsyncSession) -> Row[dict[str, int], float, int] | None:
    """What the newest scheduled audit found, when (Unix time) it began and how long it took."""
    return (await session.execute(_AUDIT)).one_or_none()


async def count_frozen(session: AsyncSession) -> int:
    """Wallets that are frozen."""
    return int((await session.execute(_FROZEN)).scalar_one())
