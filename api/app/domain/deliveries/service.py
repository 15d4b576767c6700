"""The verbs of deliveries: claim, start, finish, files, give up; and the feed's cursors: read, move.

A picture is ready in one transaction and told in another program: between them lies everything that can die. What dies before
`start` has sent nothing, and the delivery is claimed again when the lease is over. What dies after it may have sent: one repeat is
allowed, and no second one (docs/decisions/0016-delivery-is-a-step-of-its-own.md).
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.deliveries import queries
from app.domain.deliveries.errors import DeliveryNotFoundError, StaleEpochError
from app.domain.deliveries.rules import AFTER, OPEN_STATES, DeliveryState, Outcome
from app.domain.deliveries.schemas import (
    DeliveriesClaim,
    DeliveriesRead,
    DeliveryFinish,
    DeliveryItem,
    FeedCursorRead,
    FileIds,
    FilesRead,
    FinishRead,
    Standing,
    StartRead,
)
from app.domain.generations import service as generations

KEEP_TRYING_DAYS = 7
GIVE_UP_BATCH = 1000


async def claim(session: AsyncSession, body: DeliveriesClaim) -> DeliveriesRead:
    """Take deliveries that nobody has; each goes to one caller, until its lease is over."""
    claimed = await queries.claim(session, limit=body.limit, lease_s=body.lease_seconds)
    if not claimed:
        return DeliveriesRead(items=[])
    by_id = {each.generation_id: each for each in claimed}
    return DeliveriesRead(
        items=[
            DeliveryItem(
                epoch=by_id[ended.generation.id].epoch,
                attempt=by_id[ended.generation.id].attempts,
                generation=ended.generation,
                telegram_id=ended.telegram_id,
                language_code=ended.language_code,
                results=ended.results,
            )
            for ended in await generations.list_ended(session, list(by_id))
        ]
    )


async def start(session: AsyncSession, generation_id: int, epoch: int) -> StartRead:
    """Count a sending that is about to begin; it must not begin before this is committed.

    Raises DeliveryNotFoundError, StaleEpochError when the claim or its lease is over.
    """
    state = await queries.mark_started(session, generation_id, epoch)
    if state is None:
        standing = await _require_own(session, generation_id, epoch)
        if standing.state in OPEN_STATES:
            raise StaleEpochError(epoch)
    return StartRead(may_send=state is DeliveryState.SENDING)


async def finish(session: AsyncSession, generation_id: int, body: DeliveryFinish) -> FinishRead:
    """End a claimed delivery, or give it back; saying it twice is saying it once.

    Raises DeliveryNotFoundError, StaleEpochError.
    """
    if body.state is Outcome.POSTPONED:
        is_done = await queries.mark_postponed(session, generation_id, body.epoch, retry_after_s=body.retry_after_s)
    else:
        file_ids = [each.model_dump() for each in body.file_ids]
        is_done = await queries.mark_ended(
            session, generation_id, body.epoch, body.state, message_ids=body.message_ids, file_ids=file_ids
        )
    after = AFTER[body.state]
    if not is_done and (await _require_own(session, generation_id, body.epoch)).state is not after:
        raise StaleEpochError(body.epoch)
    return FinishRead(state=after)


async def files(session: AsyncSession, ref: int | UUID, telegram_id: int) -> FilesRead:
    """Telegram's ids of a user's pictures, none until they were delivered. Raises GenerationNotFoundError."""
    found = await generations.get(session, ref, telegram_id)
    file_ids = await queries.find_file_ids(session, found.id) or []
    return FilesRead(file_ids=[FileIds.model_validate(each) for each in file_ids])


async def give_up(session: AsyncSession) -> int:
    """End what could not be told for a week: the provider has thrown the pictures away by then. Returns how many of a batch."""
    return len(await queries.mark_given_up(session, older_than_days=KEEP_TRYING_DAYS, limit=GIVE_UP_BATCH))


async def doubt(session: AsyncSession) -> int:
    """The database was restored: what is open may have been sent in the time that was lost, so one sending is counted."""
    return await queries.mark_doubted(session)


async def read_cursor(session: AsyncSession, name: str) -> FeedCursorRead:
    """How far this reader of the feed is."""
    return FeedCursorRead(name=name, last_event_id=await queries.find_cursor(session, name))


async def move_cursor(session: AsyncSession, name: str, last_event_id: int) -> FeedCursorRead:
    """Note how far this reader of the feed is; never backwards, so what comes late changes nothing."""
    return await queries.upsert_cursor(session, name, last_event_id)


async def _require_own(session: AsyncSession, generation_id: int, epoch: int) -> Standing:
    standing = await queries.find_standing(session, generation_id)
    if standing is None:
        raise DeliveryNotFoundError(generation_id)
    if standing.epoch != epoch:
        raise StaleEpochError(epoch)
    return standing
