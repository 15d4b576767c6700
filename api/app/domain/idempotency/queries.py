"""SQL of idempotency keys."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import LOCK_TIMEOUT_MS
from app.domain.idempotency.models import IdempotencyKey
from app.domain.idempotency.schemas import Stored, Ticket

WAIT_MS = 2000


async def insert_key(session: AsyncSession, ticket: Ticket) -> int | None:
    """Take the key; None when it was taken before. Waits for another request that is just taking it, at most WAIT_MS:
    the database raises lock_not_available then.
    """
    await session.execute(text(f"SET LOCAL lock_timeout = {WAIT_MS}"))
    asked = {"operation": ticket.operation, "request": ticket.request, "fingerprint": _fingerprint(ticket)}
    statement = insert(IdempotencyKey).values(caller=ticket.caller, key=ticket.key, **asked)
    taken = await session.scalar(statement.on_conflict_do_nothing().returning(IdempotencyKey.id))
    await session.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
    return taken


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
    await session.execute(update(IdempotencyKey).where(IdempotencyKey.id == key_id).values(effect=effect, answer=answer))


async def delete_older(session: AsyncSession, *, days: int) -> int:
    """Forget keys nobody will repeat any more; returns how many."""
    statement = text("DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(days => :days)")
    result = await session.execute(statement, {"days": days})
    return int(getattr(result, "rowcount", 0))


def _fingerprint(ticket: Ticket) -> ColumnElement[bytes]:
    # Computed by the database's function (migration 0008), which the audit uses too.
    return func.idempotency_fingerprint(ticket.operation, bindparam(None, ticket.request, type_=JSONB))
