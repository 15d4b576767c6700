"""The verbs of broadcasts: create, get, list, stop, claim, report.

A recipient is handed out once: marked before anybody sends, and due again only if whoever claimed it says that it was surely not
sent. Who dies in between leaves some whom nobody will tell; they count as failed after a while, so that the broadcast ends.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import uuid_utils.compat as uuid
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.broadcasts import queries
from app.domain.broadcasts.errors import BroadcastNotFoundError
from app.domain.broadcasts.models import Broadcast
from app.domain.broadcasts.rules import BroadcastState, Report
from app.domain.broadcasts.schemas import BroadcastCreate, BroadcastRead, RecipientReport, RecipientsRead
from app.domain.idempotency import service as idempotency
from app.domain.idempotency.schemas import Ticket
from app.schemas.page import Page

LOST_AFTER_S = 300.0

_log = get_logger(__name__)


async def create(session: AsyncSession, body: BroadcastCreate, *, actor: str, ticket: Ticket) -> tuple[BroadcastRead, bool]:
    """Store a broadcast and its recipients under an idempotency key; the answer, and whether it is the one of an earlier request.

    Who comes later, or is banned at this moment, is not among them. Raises IdempotencyMismatchError, IdempotencyInFlightError.
    """
    key_id, stored = await idempotency.begin(session, ticket)
    if key_id is None:
        return BroadcastRead.model_validate(stored), True
    values = {"public_id": uuid.uuid7(), "text": body.text, "language_code": body.language_code, "actor": actor}
    broadcast = await queries.insert_broadcast(session, values)
    total = await queries.insert_recipients(session, broadcast.id, body.language_code)
    await queries.mark_counted(session, broadcast, total=total)
    await _end_if_all_told(session, broadcast)
    _log.info("broadcast_created", broadcast_id=broadcast.id, recipients=total, actor=actor)
    answer = BroadcastRead.model_validate(broadcast)
    await idempotency.finish(session, key_id, effect=f"broadcast:{broadcast.id}", answer=answer.model_dump(mode="json"))
    return answer, False


async def get(session: AsyncSession, public_id: UUID) -> BroadcastRead:
    """A broadcast and how far it is. Raises BroadcastNotFoundError."""
    found = await queries.find_broadcast(session, public_id)
    if found is None:
        raise BroadcastNotFoundError(public_id)
    return BroadcastRead.model_validate(found)


async def list_page(session: AsyncSession, *, state: BroadcastState | None, cursor: int | None, limit: int) -> Page[BroadcastRead]:
    """Broadcasts, the newest first."""
    rows = await queries.list_broadcasts(session, state=state, before_id=cursor, limit=limit + 1)
    items = [BroadcastRead.model_validate(row) for row in rows[:limit]]
    return Page[BroadcastRead](items=items, next_cursor=str(rows[limit - 1].id) if len(rows) > limit else None)


async def stop(session: AsyncSession, public_id: UUID) -> BroadcastRead:
    """Hand out nobody any more; those who were handed out are told. One that has ended stays as it ended.

    Raises BroadcastNotFoundError.
    """
    broadcast = await _lock(session, public_id)
    if broadcast.state == BroadcastState.RUNNING:
        await queries.mark_ended(session, broadcast, BroadcastState.STOPPED)
        _log.info("broadcast_stopped", broadcast_id=broadcast.id)
    return BroadcastRead.model_validate(broadcast)


async def claim(session: AsyncSession, public_id: UUID, *, limit: int) -> RecipientsRead:
    """Hand out recipients, each of them once; nobody when it has ended. Raises BroadcastNotFoundError."""
    broadcast = await _lock(session, public_id)
    if broadcast.state != BroadcastState.RUNNING:
        return RecipientsRead(claim=broadcast.claims, state=BroadcastState(broadcast.state), items=[])
    number, telegram_ids = await queries.claim_recipients(session, broadcast, limit=limit)
    if not telegram_ids:
        lost = await queries.mark_lost(session, broadcast, age_s=LOST_AFTER_S)
        await queries.mark_counted(session, broadcast, failed=broadcast.failed + lost)
        await _end_if_all_told(session, broadcast)
    return RecipientsRead(claim=number, state=BroadcastState(broadcast.state), items=telegram_ids)


async def report(session: AsyncSession, public_id: UUID, claim_number: int, items: Sequence[RecipientReport]) -> BroadcastRead:
    """Write down what became of a claim's recipients, also when the broadcast was stopped meanwhile. What is said twice, or of
    somebody whom the claim does not have any more, changes nothing. Raises BroadcastNotFoundError.
    """
    broadcast = await _lock(session, public_id)
    told = {item.telegram_id: item.state for item in items}
    found = Counter(await queries.mark_reported(session, broadcast, claim_number, told))
    await queries.mark_counted(
        session,
        broadcast,
        sent=broadcast.sent + found[Report.SENT],
        failed=broadcast.failed + found[Report.FAILED],
        blocked=broadcast.blocked + found[Report.BLOCKED],
    )
    await _end_if_all_told(session, broadcast)
    return BroadcastRead.model_validate(broadcast)


async def doubt(session: AsyncSession) -> int:
    """The database was restored: who is due may have been told in the time that was lost, so nobody else is."""
    return await queries.stop_running(session)


async def _lock(session: AsyncSession, public_id: UUID) -> Broadcast:
    broadcast = await queries.lock_broadcast(session, public_id)
    if broadcast is None:
        raise BroadcastNotFoundError(public_id)
    return broadcast


async def _end_if_all_told(session: AsyncSession, broadcast: Broadcast) -> None:
    is_all = broadcast.sent + broadcast.failed + broadcast.blocked == broadcast.total
    if is_all and broadcast.state == BroadcastState.RUNNING:
        await queries.mark_ended(session, broadcast, BroadcastState.DONE)
        _log.info("broadcast_done", broadcast_id=broadcast.id)
