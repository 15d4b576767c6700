"""The verbs of a keyed request: begin, finish. Key, effect and answer live and die in the caller's one transaction."""

from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.idempotency import queries
from app.domain.idempotency.errors import IdempotencyInFlightError, IdempotencyMismatchError
from app.domain.idempotency.schemas import Ticket

_LOCK_NOT_AVAILABLE = "55P03"
KEEP_DAYS = 30
FORGET_BATCH = 5000


async def begin(session: AsyncSession, ticket: Ticket) -> tuple[int | None, dict[str, Any] | None]:
    """Take the key: (its id, None) for the first request, (None, the stored answer) for a repeat.

    Raises IdempotencyMismatchError when it was used for something else, IdempotencyInFlightError when the first one has not ended.
    """
    try:
        key_id = await queries.insert_key(session, ticket)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise IdempotencyInFlightError from error
        raise
    if key_id is not None:
        return key_id, None
    stored = await queries.find_key(session, ticket)
    if stored is None or stored.answer is None:
        raise IdempotencyInFlightError
    if not stored.is_same:
        raise IdempotencyMismatchError
    return None, stored.answer


async def finish(session: AsyncSession, key_id: int, *, effect: str, answer: dict[str, Any]) -> None:
    """Keep the answer; `effect` names what was caused (such as generation:7), for the audit."""
    await queries.mark_answered(session, key_id, effect=effect, answer=answer)


async def forget_old(session: AsyncSession) -> int:
    """Delete the oldest keys of the past, FORGET_BATCH at most; returns how many."""
    return await queries.delete_oldest(session, days=KEEP_DAYS, limit=FORGET_BATCH)
