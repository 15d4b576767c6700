"""SQL of operators: what they did, and the figures of a person and of a day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.operators.models import OperatorAction
from app.domain.operators.rules import Action

_ACTIVITY = text("""
    SELECT count(*) AS total, (
        SELECT created_at FROM generation_requests WHERE user_id = :user_id ORDER BY id DESC LIMIT 1
    ) AS last_at
    FROM generation_requests WHERE user_id = :user_id
""")

# Each of them by an index: the day's block ranges, or the few generations that run. The history is not read.
_TOTALS = text("""
    WITH ended AS (
        SELECT status, count(*) AS total FROM generation_requests
        WHERE completed_at >= :begins AND completed_at < :ends GROUP BY status
    ), moved AS (
        SELECT entry_type, sum(amount) AS total FROM ledger_entries
        WHERE created_at >= :begins AND created_at < :ends
            AND (entry_type, account_kind) IN (('generation_capture', 'revenue'), ('grant', 'wallet'), ('topup', 'wallet'))
        GROUP BY entry_type
    )
    SELECT
        (SELECT count(*) FROM users WHERE created_at >= :begins AND created_at < :ends) AS new_users,
        (SELECT count(*) FROM generation_requests WHERE created_at >= :begins AND created_at < :ends) AS generations_submitted,
        coalesce((SELECT total FROM ended WHERE status = 'completed'), 0) AS completed,
        coalesce((SELECT total FROM ended WHERE status = 'failed'), 0) AS failed,
        coalesce((SELECT total FROM ended WHERE status = 'cancelled'), 0) AS cancelled,
        coalesce((SELECT total FROM moved WHERE entry_type = 'generation_capture'), 0) AS credits_captured,
        coalesce((SELECT total FROM moved WHERE entry_type = 'grant'), 0) AS credits_granted,
        coalesce((SELECT total FROM moved WHERE entry_type = 'topup'), 0) AS credits_sold,
        (
            SELECT coalesce(sum(amount), 0) FROM payment_charges WHERE created_at >= :begins AND created_at < :ends
        ) AS stars_received,
        (SELECT count(*) FROM generation_requests WHERE status IN ('queued', 'running')) AS active_now
""")


async def insert_action(session: AsyncSession, action: Action, *, user_id: int, actor: str, reason: str | None) -> None:
    """Write down a deed."""
    await session.execute(insert(OperatorAction).values(action=action, user_id=user_id, actor=actor, reason=reason))


async def get_activity(session: AsyncSession, user_id: int) -> Row[Any]:
    """How many generations (`total`) a user has ordered, and when last (`last_at`)."""
    return (await session.execute(_ACTIVITY, {"user_id": user_id})).one()


async def get_totals(session: AsyncSession, *, begins: datetime, ends: datetime) -> Mapping[str, Any]:
    """What happened from `begins` until before `ends`, and how many generations run now."""
    return {**(await session.execute(_TOTALS, {"begins": begins, "ends": ends})).mappings().one()}
