"""How an order is taken: the everyday one in one statement, any other in steps (docs/decisions/0020)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

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
from app.domain.generations import admission, order_queries, queries, rules
from app.domain.generations.errors import ActiveGenerationError
from app.domain.generations.schemas import Active, GenerationRead, GenerationSubmit, SubmitRead
from app.domain.idempotency import service as idempotency
from app.domain.idempotency.schemas import Ticket
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.domain.trial import service as trial
from app.domain.users import service as users
from app.domain.users.errors import BannedError
from app.queue.enqueue import GENERATE, enqueue
from app.resources import Resources

LOCK_TTL_S = 10.0
LOCK_WAIT_S = 2.0
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


async def _submit_at_once(
    resources: Resources, body: GenerationSubmit, request_id: str, ticket: Ticket | None
) -> SubmitRead | None:
    """The everyday order, in one statement. None, and nothing changed, when anything is in its way: the careful way says what."""
    if body.reference_urls or body.reference_file_ids:
        return None
    async with resources.statement() as session:
        quote = await catalogue.recall_quote(resources, session, _wish(body))
        is_dearer = quote is not None and body.max_price is not None and quote.price_credits > body.max_price
        if quote is None or is_dearer or not await admission.is_clear(session, resources):
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


async def _quote(session: AsyncSession, settings: Settings, body: GenerationSubmit) -> Quote:
    for index, url in enumerate(body.reference_urls):
        try:
            rules.check_reference_url(url, is_local_allowed=settings.is_provider_local)
        except ValueError as error:
            raise UnsupportedParameterError(f"reference_urls.{index}", f"A reference URL {error}.") from error
    return await catalogue.quote(session, _wish(body))


def _wish(body: GenerationSubmit) -> Wish:
    return Wish(
        model_id=body.model_id,
        size=body.size,
        aspect_ratio=body.aspect_ratio,
        resolution=body.resolution,
        reference_urls=tuple(body.reference_urls),
    )


@asynccontextmanager
async def _one_at_a_time(resources: Resources, telegram_id: int) -> AsyncIterator[None]:
    """A second tap waits here, before it takes a database connection. Without Redis it waits at the advisory lock instead."""
    if resources.redis is None:
        yield
        return
    async with resources.redis.lock(f"submit:{telegram_id}", ttl_s=LOCK_TTL_S, wait_s=LOCK_WAIT_S):
        yield


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
