"""The verbs of status events: follow one generation, follow all. NOTIFY is only the hint to look; the table is what is told."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.notifications import ANY, Notifications, wait
from app.domain.generations import event_queries
from app.domain.generations.models import GenerationEvent
from app.domain.generations.rules import ACTIVE_STATUSES, Status
from app.domain.generations.schemas import FeedRead, GenerationRead
from app.resources import Resources

FEED_BATCH = 200
HEARTBEAT_S = 15.0
CHANNEL = "generation_events"


@dataclass(frozen=True)
class Change:
    """One event: where it stands in its stream, and the generation as it was then."""

    id: int
    generation: GenerationRead


async def read_changes(session: AsyncSession, generation_id: int, telegram_id: int, *, after: int | None) -> Sequence[Change]:
    """A generation's changes after that event id; without one, its state now as a single change. None that are not this user's."""
    rows = await event_queries.list_changes(session, generation_id, telegram_id, after=after or 0)
    if after is None:
        rows = rows[-1:]
    return [
        Change(
            row.GenerationEvent.id,
            _as_of(GenerationRead.model_validate(row), row.GenerationEvent, is_latest=row is rows[-1]),
        )
        for row in rows
    ]


async def is_over(session: AsyncSession, generation: GenerationRead, *, after: int | None) -> bool:
    """Whether somebody who has seen the event `after` has seen the last one."""
    if after is None or generation.status in ACTIVE_STATUSES:
        return False
    return not await event_queries.has_events(session, generation.id, after=after)


async def read_feed(session: AsyncSession, *, after: int) -> Sequence[Change]:
    """The next changes of all generations after that position."""
    rows = await event_queries.list_feed(session, after=after, limit=FEED_BATCH)
    return [Change(row.GenerationEvent.position, _feed_item(row)) for row in rows]


async def follow(
    resources: Resources, notifications: Notifications, generation: GenerationRead, telegram_id: int, *, after: int | None
) -> AsyncIterator[Change | None]:
    """A generation's changes as they happen, until its last one or until the process ends; None is a sign of life."""
    with notifications.waiter(CHANNEL, str(generation.id)) as woken:
        while True:
            async with resources.reading() as session:
                changes = await read_changes(session, generation.id, telegram_id, after=after)
            for change in changes:
                yield change
                after = change.id
                if change.generation.status not in ACTIVE_STATUSES:
                    return
            if notifications.closing.is_set():
                return
            if not await wait(woken, timeout_s=HEARTBEAT_S):
                yield None


async def follow_all(resources: Resources, notifications: Notifications, *, after: int | None) -> AsyncIterator[Change | None]:
    """The feed from that position (from now on without one) until the process ends; None is a sign of life."""
    with notifications.waiter(CHANNEL, ANY) as woken:
        if after is None:
            await sequence_all(resources)
            async with resources.reading() as session:
                after = await event_queries.last_position(session)
        while not notifications.closing.is_set():
            await sequence_all(resources)
            async with resources.reading() as session:
                items = await read_feed(session, after=after)
            for item in items:
                yield item
                after = item.id
            if not items and not await wait(woken, timeout_s=HEARTBEAT_S):
                yield None


async def sequence_all(resources: Resources) -> None:
    """Give every event that has committed its place in the feed."""
    is_more = True
    while is_more:
        async with resources.transaction() as session:
            is_more = await event_queries.sequence_events(session) == event_queries.SEQUENCE_BATCH


def _feed_item(row: Any) -> FeedRead:
    now = GenerationRead.model_validate(row)
    then = _as_of(now, row.GenerationEvent, is_latest=now.status == row.GenerationEvent.status)
    return FeedRead(**then.model_dump(), telegram_id=row.telegram_id)


def _as_of(generation: GenerationRead, event: GenerationEvent, *, is_latest: bool) -> GenerationRead:
    """The generation as it was at that event: what changes over its life is the event's, the rest is its own."""
    status = Status(event.status)
    return generation.model_copy(
        update={
            "status": status,
            "error_code": event.error_code,
            "error_message": event.error_message,
            "updated_at": event.created_at,
            "completed_at": None if status in ACTIVE_STATUSES else event.created_at,
            "started_at": generation.started_at if is_latest or status is not Status.QUEUED else None,
            "queue_position": generation.queue_position if is_latest and status is Status.QUEUED else None,
        }
    )
