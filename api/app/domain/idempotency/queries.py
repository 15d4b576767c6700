"""SQL of idempotency keys."""

import json
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
from app.db.session import LOCK_TIMEOUT_MS
from app.domain.idempotency.models import IdempotencyKey
from app.domain.idempotency.schemas import Stored, Ticket

WAIT_MS = 2000

# The row is made from `patience`, so the limit holds when the insert waits; what comes after the insert has the usual one again.
_INSERT_KEY = wire.Statement(
    text("""
    WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', :wait_ms, true))
    INSERT INTO idempotency_keys (caller, key, operation, request, fingerprint)
    SELECT :caller, :key, :operation, :request, idempotency_fingerprint(:operation, :request)
    FROM patience WHERE set_config IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING id, set_config('lock_timeout', :usual_ms, true)
""").bindparams(bindparam("request", type_=JSONB))
)
_MARK_ANSWERED = wire.Statement(
    update(IdempotencyKey)
    .where(IdempotencyKey.id == bindparam("key_id"))
    .values(effect=bindparam("new_effect"), answer=bindparam("new_answer"))
)
_DELETE_OLDEST = text("""
    DELETE FROM idempotency_keys WHERE id IN (
        SELECT id FROM idempotency_keys WHERE created_at < now() - make_interval(days => :days) ORDER BY created_at LIMIT :limit
    ) RETURNING id
""")


async def insert_key(session: AsyncSession, ticket: Ticket) -> int | None:
    """Take the key; None when it was taken before. Waits for another request that is just taking it, at most WAIT_MS:
    the database raises lock_not_available then.
    """
    limits = {"wait_ms": str(WAIT_MS), "usual_ms": str(LOCK_TIMEOUT_MS)}
    asked = {"caller": ticket.caller, "key": ticket.key, "operation": ticket.operation, "request": json.dumps(ticket.request)}
    key_id: int | None = await wire.fetch_value(session, _INSERT_KEY, asked | limits)
    return key_id


async def find_key(session: AsyncSession, ticket: Ticket) -> Stored | None:
    """What the first request with this key asked and was told."""
    is_same = (IdempotencyKey.fingerprint == _fingerprint(ticket)).label("is_same")
    statement = select(is_same, IdempotencyKey.answer).where(
        IdempotencyKey.caller == ticket.caller, IdempotencyKey.key == ticket.key
    )
    row = (await session.execute(statement)).one_or_none()
    return Stored(row.is_same, row.answer) if row else None


async def mark_answered(session: AsyncSession, key_id: int, *, effect: str, answer: dict[str, Any]) -> None:
    """Keep what the request caused and was told."""
    told = {"key_id": key_id, "new_effect": effect, "new_answer": json.dumps(answer)}
    await wire.fetch(session, _MARK_ANSWERED, told)


async def delete_oldest(session: AsyncSession, *, days: int, limit: int) -> int:
    """Forget the oldest keys of that age; returns how many."""
    return len((await session.execute(_DELETE_OLDEST, {"days": days, "limit": limit})).all())


def _fingerprint(ticket: Ticket) -> ColumnElement[bytes]:
    # Computed by the database's function (migration 0008), which the audit uses too.
    return func.idempotency_fingerprint(ticket.operation, bindparam(None, ticket.request, type_=JSONB))
