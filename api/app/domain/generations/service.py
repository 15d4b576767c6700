"""The verbs of generations that the API offers besides an order: active, get, results, history, cancel, refresh."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.generations import attempt_queries, queries, settlement
from app.domain.generations.errors import AlreadySentError, GenerationNotFoundError
from app.domain.generations.rules import AttemptState, Status
from app.domain.generations.schemas import ActiveRead, Attempt, Ended, GenerationRead
from app.domain.users import service as users
from app.provider.errors import ProviderError
from app.resources import Resources
from app.schemas.page import Page

REFRESH_TTL_S = 35.0

_log = get_logger(__name__)


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
