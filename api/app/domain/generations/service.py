"""The verbs of generations that the API offers: submit, active, get, results, history, cancel, refresh."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.errors import ServiceUnavailableError
from app.core.logging import get_logger
from app.domain.catalogue import rules as catalogue_rules
from app.domain.catalogue import service as catalogue
from app.domain.catalogue.errors import UnsupportedParameterError
from app.domain.catalogue.schemas import Quote, Wish
from app.domain.generations import admission, attempt_queries, order_queries, queries, rules, settlement
from app.domain.generations.errors import ActiveGenerationError, AlreadySentError, GenerationNotFoundError
from app.domain.generations.rules import AttemptState, Status
from app.domain.generations.schemas import Active, ActiveRead, Attempt, Ended, GenerationRead, GenerationSubmit, SubmitRead
from app.domain.idempotency import service as idempotency
from app.domain.idempotency.schemas import Ticket
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.domain.trial import service as trial
from app.domain.users import service as users
from app.domain.users.errors import BannedError
from app.provider.errors import ProviderError
from app.queue.enqueue import GENERATE, enqueue
from app.resources import Resources
from app.schemas.page import Page

LOCK_TTL_S = 10.0
LOCK_WAIT_S = 2.0
REFRESH_TTL_S = 35.0
_IN_THE_WAY_SQLSTATES = frozenset({"55P03", "40P01"})  # a lock that was not free in time, a deadlock

_log = get_logger(__name__)


async def submit(
    session: AsyncSession, resources: Resources, body: GenerationSubmit, *, request_id: str, ticket: Ticket | None = None
) -> tuple[SubmitRead, bool]:
    """Accept an order: pay for it by trial or hold, store it, queue it; all of it commits together or not at all.

    Returns the answer, and whether it is the one of an earlier request with the same idempotency key (`ticket`).

    Raises ModelNotFoundError, UnsupportedParameterError, IdempotencyMismatchError, IdempotencyInFlightError,
    ProviderNotConfiguredError, ProviderUnavailableError, OverloadedError, BannedError, ActiveGenerationError, PriceChangedError,
    InsufficientCreditsError.
    In each case nothing was changed. `session` is asked only when the order cannot be stored at once (docs/decisions/0020).
    """
    answer = await _submit_at_once(resources, body, request_id, ticket)
    if answer is not None:
        return answer, False
    async with _one_at_a_time(resources, body.telegram_id):
        quote = await _quote(session, resources.settings, body)
        answer, is_replay = await _submit_once(session, resources, body, quote, request_id, ticket)
    if is_replay:  # a new order was looked at under its user's lock
        await users.refuse_banned(session, body.telegram_id)
    return answer, is_replay


async def active(session: AsyncSession, telegram_id: int) -> ActiveRead:
    """The user's running generation; nulls when there is none, also for somebody unknown."""
    found = await queries.find_active_read(session, telegram_id)
    if found is None:
        return ActiveRead(has_active=False)
    return ActiveRead(
        has_active=True,
        request_id=found.id,
        public_id=found.public_id,
        status=Status.QUEUED if found.status is Status.QUEUED else Status.RUNNING,
        queue_position=found.queue_position,
    )


async def get(session: AsyncSession, ref: int | UUID, telegram_id: int) -> GenerationRead:
    """A generation of this user. Raises GenerationNotFoundError."""
    found = await queries.find_by_ref(session, ref, telegram_id)
    if found is None:
        raise GenerationNotFoundError(str(ref))
    return found


async def results(session: AsyncSession, ref: int | UUID, telegram_id: int) -> list[str]:
    """The picture URLs of a generation, empty until it has completed. Raises GenerationNotFoundError."""
    found = await get(session, ref, telegram_id)
    return await queries.list_result_urls(session, found.id)


async def history(session: AsyncSession, telegram_id: int, *, cursor: int | None, limit: int) -> Page[GenerationRead]:
    """A user's generations, the newest first. Raises UserNotFoundError."""
    user_id = await users.require_id(session, telegram_id)
    rows = await queries.list_page(session, user_id, before_id=cursor, limit=limit + 1)
    return Page[GenerationRead](items=rows[:limit], next_cursor=str(rows[limit - 1].id) if len(rows) > limit else None)


async def cancel(session: AsyncSession, ref: int | UUID, telegram_id: int) -> GenerationRead:
    """Take back an order that was not sent yet; its credits or trial come back. Cancelling twice is one cancellation.

    Raises BannedError, GenerationNotFoundError, AlreadySentError.
    """
    await users.refuse_banned(session, telegram_id)
    found = await get(session, ref, telegram_id)
    attempt = await attempt_queries.lock_live_attempt(session, found.id)
    if attempt is None or not await settlement.cancel(session, attempt):
        current = await get(session, ref, telegram_id)
        if current.status is not Status.CANCELLED:
            raise AlreadySentError(current.status)
        return current
    return await get(session, ref, telegram_id)


async def refresh(resources: Resources, ref: int | UUID, telegram_id: int) -> GenerationRead:
    """The generation after asking the provider now. Raises BannedError, GenerationNotFoundError.

    Many at once cost one provider call, or one for each process while Redis is gone: one asks, the others wait for it. Opens its
    own sessions, because the provider is asked between two of them.
    """
    async with resources.reading() as session:
        await users.refuse_banned(session, telegram_id)
        found = await get(session, ref, telegram_id)
    if found.status is not Status.RUNNING or resources.provider is None:
        return found
    name = f"refresh:{found.id}"
    async with resources.flights.turn(name) as is_first:
        if is_first:
            await _ask_or_wait(resources, name, found.id)
    async with resources.reading() as session:
        return await get(session, ref, telegram_id)


async def list_ended(session: AsyncSession, ids: list[int]) -> list[Ended]:
    """Generations that have ended, as somebody who tells their users needs them; as many as there are ids."""
    return await queries.list_ended(session, ids)


async def hold_up(session: AsyncSession, user_id: int) -> None:
    """Keep the user's orders waiting until this transaction ends, and wait for the one that is being taken now."""
    await queries.lock_user(session, user_id)


async def _quote(session: AsyncSession, settings: Settings, body: GenerationSubmit) -> Quote:
    for index, url in enumerate(body.reference_urls):
        try:
            rules.check_reference_url(url, is_local_allowed=settings.is_provider_local)
        except ValueError as error:
            raise UnsupportedParameterError(f"reference_urls.{index}", f"A reference URL {error}.") from error
    wish = Wish(
        model_id=body.model_id,
        size=body.size,
        aspect_ratio=body.aspect_ratio,
        resolution=body.resolution,
        reference_urls=tuple(body.reference_urls),
    )
    return await catalogue.quote(session, wish)


@asynccontextmanager
async def _one_at_a_time(resources: Resources, telegram_id: int) -> AsyncIterator[None]:
    """A second tap waits here, before it takes a database connection. Without Redis it waits at the advisory lock instead."""
    if resources.redis is None:
        yield
        return
    async with resources.redis.lock(f"submit:{telegram_id}", ttl_s=LOCK_TTL_S, wait_s=LOCK_WAIT_S):
        yield


async def _submit_at_once(
    resources: Resources, body: GenerationSubmit, request_id: str, ticket: Ticket | None
) -> SubmitRead | None:
    """The everyday order, in one statement. None, and nothing changed, when anything is in its way: the careful way says what."""
    if body.reference_urls or body.reference_file_ids:
        return None
    async with resources.statement() as session:
        quote = await _quote(session, resources.settings, body)
        is_dearer = body.max_price is not None and quote.price_credits > body.max_price
        if is_dearer or not await admission.is_clear(session, resources):
            return None
        values = _values(body) | {"public_id": uuid.uuid7(), "request_id": request_id}
        try:
            stored = await order_queries.insert_order_at_once(
                session,
                values,
                telegram_id=body.telegram_id,
                price=quote.price_credits,
                slot_limit=resources.settings.trial_generations,
                ticket=ticket,
                model_key=quote.model_key,
                deadline_s=resources.settings.generation_deadline_seconds,
                token=uuid.uuid7(),
            )
        except DBAPIError as error:
            if not _is_in_the_way(error):
                raise
            return None
    if stored is None:
        return None
    answer = _accepted(*stored)
    if not answer.trial_used:
        ledger.note_hold()
    return answer


def _is_in_the_way(error: DBAPIError) -> bool:
    """Whether somebody else was quicker, or holds what this needs: the constraints and locks that the careful way waits for."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _IN_THE_WAY_SQLSTATES


async def _submit_once(  # noqa: PLR0917 - private; what submit was given
    session: AsyncSession, resources: Resources, body: GenerationSubmit, quote: Quote, request_id: str, ticket: Ticket | None
) -> tuple[SubmitRead, bool]:
    if ticket is None:
        return await _submit_locked(session, resources, body, quote, request_id), False
    key_id, stored = await idempotency.begin(session, ticket)
    if key_id is None:
        return SubmitRead.model_validate(stored), True
    answer = await _submit_locked(session, resources, body, quote, request_id)
    await idempotency.finish(session, key_id, effect=f"generation:{answer.request.id}", answer=answer.model_dump(mode="json"))
    return answer, False


async def _submit_locked(
    session: AsyncSession, resources: Resources, body: GenerationSubmit, quote: Quote, request_id: str
) -> SubmitRead:
    await admission.check(session, resources)
    user_id = await users.ensure_id(session, body.telegram_id)
    bars = await queries.lock_user(session, user_id)
    if bars.is_banned:
        raise BannedError
    if bars.running is not None:
        raise _active_error(bars.running)
    catalogue_rules.check_price(price=quote.price_credits, price_max=body.max_price)
    public_id = uuid.uuid7()
    trial_use_id = await trial.redeem(session, user_id, limit=resources.settings.trial_generations)
    hold_id = None
    if trial_use_id is None:
        memo = Memo(reference_id=str(public_id), description=quote.model_key)
        hold_id = await ledger.hold(session, user_id=user_id, amount=quote.price_credits, memo=memo)
    payment = {"hold_id": hold_id, "trial_use_id": trial_use_id, "cost": quote.price_credits if hold_id else 0}
    values = _values(body) | {"user_id": user_id, "public_id": public_id, "request_id": request_id, **payment}
    deadline_s = resources.settings.generation_deadline_seconds
    try:
        read, job_id = await order_queries.insert_order(
            session, values, model_key=quote.model_key, deadline_s=deadline_s, token=uuid.uuid7()
        )
    except IntegrityError as error:
        # The advisory lock makes this unreachable; should it ever fail, the unique index is the truth and the next try gets 409.
        if "user_id_active" in str(error.orig):
            raise ServiceUnavailableError from error
        raise
    await enqueue(session, GENERATE, read.id)
    return _accepted(read, job_id)


def _values(body: GenerationSubmit) -> dict[str, Any]:
    """What the order itself says of its row, and its references."""
    asked = body.model_dump(include={"size", "aspect_ratio", "resolution"}, exclude_none=True)
    lists = {"reference_urls": body.reference_urls, "reference_file_ids": body.reference_file_ids}
    return {
        **lists,
        "model_id": body.model_id,
        "prompt": body.prompt,
        "size": body.size,
        "aspect_ratio": body.aspect_ratio,
        "resolution": body.resolution,
        "input_params": asked | lists,
        "client_context": body.client_context,
        "references_count": max(len(body.reference_urls), len(body.reference_file_ids)),
    }


def _accepted(read: GenerationRead, job_id: int) -> SubmitRead:
    _log.info("generation_accepted", generation_id=read.id, model=read.model_key, trial=read.trial_used)
    return SubmitRead(request=read, job_id=job_id, provider_job_id=None, trial_used=read.trial_used)


def _active_error(running: Active) -> ActiveGenerationError:
    return ActiveGenerationError(request_id=running.id, public_id=str(running.public_id), status=running.status)


async def _ask_or_wait(resources: Resources, name: str, generation_id: int) -> None:
    if resources.redis is None:
        await _ask_and_settle(resources, generation_id)
        return
    async with resources.redis.lock(name, ttl_s=REFRESH_TTL_S, wait_s=0) as is_first:
        if is_first or resources.redis.is_down:
            await _ask_and_settle(resources, generation_id)
    if not is_first:
        await resources.redis.wait_for_release(name, wait_s=REFRESH_TTL_S)


async def _ask_and_settle(resources: Resources, generation_id: int) -> None:
    async with resources.transaction() as session:
        attempt = await attempt_queries.lock_live_attempt(session, generation_id)
    if attempt is None or attempt.provider_job_id is None or resources.provider is None:
        return
    try:
        task = await resources.provider.read(attempt.provider_job_id)
    except ProviderError as error:
        # The worker goes on asking; a refresh only shows what is known.
        _log.info("refresh_without_answer", generation_id=generation_id, reason=error.reason)
        return
    async with resources.transaction() as session:
        current = await attempt_queries.lock_live_attempt(session, generation_id)
        # A task that our empty account refused is followed by another one: that is the worker's to do.
        if current is not None and _is_same_task(current, attempt) and not task.is_out_of_credit:
            await settlement.settle(session, current, task)


def _is_same_task(current: Attempt, asked: Attempt) -> bool:
    return current.state is AttemptState.SUBMITTED and current.provider_job_id == asked.provider_job_id
