"""Broadcasts: one text for many users, each of them at most once."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from app.api.paging import Cursor, Limit
from app.api.problems import problems
from app.deps.caller import AdminDep
from app.deps.idempotency import RequiredIdempotencyDep
from app.deps.session import ReadSessionDep, SessionDep
from app.domain.broadcasts import service as broadcasts
from app.domain.broadcasts.errors import BroadcastNotFoundError
from app.domain.broadcasts.rules import BroadcastState
from app.domain.broadcasts.schemas import BroadcastCreate, BroadcastRead, RecipientsClaim, RecipientsRead, RecipientsReport
from app.domain.idempotency.errors import IdempotencyInFlightError, IdempotencyMismatchError
from app.domain.operators.rules import actor_of
from app.schemas.page import Page

router = APIRouter(prefix="/api/v1/admin/broadcasts", tags=["broadcasts"])

BroadcastId = Annotated[UUID, Path(description="A broadcast", examples=["0199d5a0-0000-7000-8000-000000000000"])]
_CREATE = problems(IdempotencyInFlightError, IdempotencyMismatchError)
_NO_BROADCAST = problems(BroadcastNotFoundError)


@router.post("", summary="Tell everybody something", status_code=201, responses=_CREATE)
async def create(
    body: BroadcastCreate, session: SessionDep, idempotency: RequiredIdempotencyDep, caller: AdminDep
) -> BroadcastRead:
    """Needs an Idempotency-Key. The recipients are those of this moment, without the banned ones; a bot claims and tells them."""
    ticket = idempotency.ticket("admin/broadcasts", body.model_dump(mode="json", exclude_none=True))
    actor = actor_of(caller.id, body.actor_telegram_id)
    created, is_replay = await broadcasts.create(session, body, actor=actor, ticket=ticket)
    idempotency.mark(is_replay=is_replay)
    return created


@router.get("", summary="Broadcasts, the newest first")
async def list_page(
    session: ReadSessionDep,
    _: AdminDep,
    state: Annotated[BroadcastState | None, Query(description="Only those in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[BroadcastRead]:
    """With `state=running`: what a bot that has just started goes on with."""
    return await broadcasts.list_page(session, state=state, cursor=cursor, limit=limit)


@router.get("/{broadcast_id}", summary="One broadcast and how far it is", responses=_NO_BROADCAST)
async def get(broadcast_id: BroadcastId, session: ReadSessionDep, _: AdminDep) -> BroadcastRead:
    """Who is in `total` and neither sent, failed nor blocked is still to be told."""
    return await broadcasts.get(session, broadcast_id)


@router.post("/{broadcast_id}/stop", summary="Tell nobody else", responses=_NO_BROADCAST)
async def stop(broadcast_id: BroadcastId, session: SessionDep, _: AdminDep) -> BroadcastRead:
    """Nobody is handed out after this answer; those who were are still told and reported. A stopped broadcast stays stopped."""
    return await broadcasts.stop(session, broadcast_id)


@router.post("/{broadcast_id}/claim", summary="Take recipients", responses=_NO_BROADCAST)
async def claim(broadcast_id: BroadcastId, body: RecipientsClaim, session: SessionDep, _: AdminDep) -> RecipientsRead:
    """Each recipient is handed out at most once, and marked before anything is sent. Report them with the number of the claim."""
    return await broadcasts.claim(session, broadcast_id, limit=body.limit)


@router.post("/{broadcast_id}/report", summary="Say who was told", responses=_NO_BROADCAST)
async def report(broadcast_id: BroadcastId, body: RecipientsReport, session: SessionDep, _: AdminDep) -> BroadcastRead:
    """`returned` was surely not sent and is due again. What a claim never reports counts as failed after five minutes."""
    return await broadcasts.report(session, broadcast_id, body.claim, body.items)
