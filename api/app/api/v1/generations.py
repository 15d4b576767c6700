"""Generations: submit, history, active, get, refresh, results, cancel, events."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import MutableHeaders

from app.api.hot import as_json, hot_for, read_json, read_telegram_id
from app.api.paging import Cursor, Limit
from app.api.problems import problems
from app.api.refs import GenerationRef, read_ref
from app.api.sse import EventStream, LastEventId, as_events
from app.core.errors import ProviderNotConfiguredError, ProviderUnavailableError
from app.core.metrics import SUBMITS
from app.deps.caller import ActorDep, BuyerDep, recognise_actor, recognise_buyer
from app.deps.idempotency import Idempotency, IdempotencyDep, is_key
from app.deps.notifications import LookoutDep, NotificationsDep
from app.deps.resources import ResourcesDep
from app.deps.session import ReadSessionDep, SessionDep
from app.domain.catalogue.errors import ModelNotFoundError, PriceChangedError, UnsupportedParameterError
from app.domain.deliveries import service as deliveries
from app.domain.deliveries.schemas import FilesRead
from app.domain.generations import events as follow
from app.domain.generations import ordering
from app.domain.generations import service as generations
from app.domain.generations.errors import ActiveGenerationError, AlreadySentError, GenerationNotFoundError, OverloadedError
from app.domain.generations.schemas import ActiveRead, GenerationOwner, GenerationRead, GenerationSubmit, SubmitRead
from app.domain.idempotency.errors import IdempotencyInFlightError, IdempotencyMismatchError
from app.domain.ledger.errors import AccountFrozenError, InsufficientCreditsError
from app.domain.users.errors import BannedError, UserNotFoundError
from app.resources import Resources
from app.schemas.page import Page

_NO_USER = problems(UserNotFoundError, BannedError)
_NO_GENERATION = problems(GenerationNotFoundError, BannedError)
_IS_OVER: dict[int | str, dict[str, str]] = {204: {"description": "`Last-Event-ID` was the last event; nothing follows"}}
_SUBMIT = problems(
    InsufficientCreditsError,
    BannedError,
    AccountFrozenError,
    UserNotFoundError,
    ModelNotFoundError,
    ActiveGenerationError,
    PriceChangedError,
    IdempotencyInFlightError,
    UnsupportedParameterError,
    IdempotencyMismatchError,
    ProviderNotConfiguredError,
    ProviderUnavailableError,
    OverloadedError,
)

router = APIRouter(prefix="/api/v1/generations", tags=["generations"])

TelegramIdQuery = Annotated[int, Query(gt=0, lt=2**52, description="Whose generation", examples=[1001])]


@router.post("/submit", summary="Order a picture", status_code=202, responses=_SUBMIT)
async def submit(
    body: GenerationSubmit,
    *,
    request: Request,
    session: SessionDep,
    resources: ResourcesDep,
    idempotency: IdempotencyDep,
    buyer: BuyerDep,
) -> SubmitRead:
    """Reserves a free generation or credits and queues the order. Charged only when there is a picture."""
    buyer.require_user(body.telegram_id)
    ticket = idempotency.ticket("submit", body.model_dump(mode="json")) if idempotency else None
    answer, is_replay = await ordering.submit(session, resources, body, request_id=request.state.request_id, ticket=ticket)
    if idempotency:
        idempotency.mark(is_replay=is_replay)
    SUBMITS.labels(outcome="replayed" if is_replay else "accepted").inc()
    return answer


@hot_for(submit)
async def _submit(request: Request) -> Response | None:
    body, key, told = read_json(request, GenerationSubmit), request.headers.get("Idempotency-Key"), MutableHeaders()
    if body is None or not is_key(key):
        return None
    buyer = await recognise_buyer(request)
    resources: Resources = request.state.resources
    idempotency = None if key is None else Idempotency(buyer.id, key, told)
    async with resources.transaction() as session:
        answer = await submit(body, request=request, session=session, resources=resources, idempotency=idempotency, buyer=buyer)
    return as_json(answer, status=202, headers=dict(told))


@router.get("", summary="A user's generations, the newest first", responses=_NO_USER)
async def history(
    telegram_id: TelegramIdQuery, session: ReadSessionDep, actor: ActorDep, cursor: Cursor = None, limit: Limit = 20
) -> Page[GenerationRead]:
    """Pages do not shift when new generations are added."""
    actor.require_user(telegram_id)
    return await generations.history(session, telegram_id, cursor=cursor, limit=limit)


@router.get("/active", summary="A user's running generation", responses=_NO_USER)
async def active(telegram_id: TelegramIdQuery, session: ReadSessionDep, actor: ActorDep) -> ActiveRead:
    """Nulls when nothing is running."""
    actor.require_user(telegram_id)
    return await generations.active(session, telegram_id)


@hot_for(active)
async def _active(request: Request) -> Response | None:
    telegram_id = read_telegram_id(request.query_params.get("telegram_id"))
    if telegram_id is None:
        return None
    actor = await recognise_actor(request)
    async with request.state.resources.reading() as session:
        return as_json(await active(telegram_id, session, actor))


@router.get("/{ref:ref}", summary="One generation", responses=_NO_GENERATION)
async def get(ref: GenerationRef, telegram_id: TelegramIdQuery, session: ReadSessionDep, actor: ActorDep) -> GenerationRead:
    """Somebody else's generation is answered like one that does not exist."""
    actor.require_user(telegram_id, GenerationNotFoundError(str(ref)))
    return await generations.get(session, ref, telegram_id)


@hot_for(get)
async def _get(request: Request) -> Response | None:
    ref, telegram_id = read_ref(request.path_params["ref"]), read_telegram_id(request.query_params.get("telegram_id"))
    if ref is None or telegram_id is None:
        return None
    actor = await recognise_actor(request)
    async with request.state.resources.reading() as session:
        return as_json(await get(ref, telegram_id, session, actor))


@router.post("/{ref:ref}/refresh", summary="Ask the provider now", responses=_NO_GENERATION)
async def refresh(ref: GenerationRef, body: GenerationOwner, resources: ResourcesDep, actor: ActorDep) -> GenerationRead:
    """Many at once cost one call to the provider; a finished generation costs none."""
    actor.require_user(body.telegram_id, GenerationNotFoundError(str(ref)))
    return await generations.refresh(resources, ref, body.telegram_id)


@router.get("/{ref:ref}/results", summary="The pictures", responses=_NO_GENERATION)
async def results(ref: GenerationRef, telegram_id: TelegramIdQuery, session: ReadSessionDep, actor: ActorDep) -> list[str]:
    """URLs in the provider's order; empty until the generation has completed. The provider keeps them 7 days."""
    actor.require_user(telegram_id, GenerationNotFoundError(str(ref)))
    return await generations.results(session, ref, telegram_id)


@router.get("/{ref:ref}/files", summary="The pictures as Telegram has them", responses=_NO_GENERATION)
async def files(ref: GenerationRef, telegram_id: TelegramIdQuery, session: ReadSessionDep, actor: ActorDep) -> FilesRead:
    """Telegram's file ids of what a bot has delivered, to be sent again by it; empty until then."""
    actor.require_user(telegram_id, GenerationNotFoundError(str(ref)))
    return await deliveries.files(session, ref, telegram_id)


@router.post(
    "/{ref:ref}/cancel", summary="Take back an order that was not sent yet", responses=_NO_GENERATION | problems(AlreadySentError)
)
async def cancel(ref: GenerationRef, body: GenerationOwner, session: SessionDep, actor: ActorDep) -> GenerationRead:
    """Its credits or free generation come back. 409 `already_sent` once the provider has it."""
    actor.require_user(body.telegram_id, GenerationNotFoundError(str(ref)))
    return await generations.cancel(session, ref, body.telegram_id)


@router.get(
    "/{ref:ref}/events",
    summary="Follow one generation",
    response_class=EventStream,
    status_code=200,
    responses=_NO_GENERATION | _IS_OVER,
)
async def events(
    ref: GenerationRef,
    telegram_id: TelegramIdQuery,
    *,
    notifications: NotificationsDep,
    lookout: LookoutDep,
    actor: ActorDep,
    last_event_id: LastEventId = None,
) -> Response:
    """Its state now, then each change as it happens; ends after the last one. 204 when `Last-Event-ID` was the last one."""
    actor.require_user(telegram_id, GenerationNotFoundError(str(ref)))
    changes = follow.follow(lookout, notifications, ref, telegram_id, after=last_event_id)
    try:
        first = await anext(changes)
    except StopAsyncIteration:
        return Response(status_code=204)
    return EventStream(as_events(changes, first=first))
