"""The verbs of status events: follow one generation, follow all. NOTIFY is only the hint to look; the table is what is told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import ServiceUnavailableError
from app.db.notifications import ANY, Notifications, wait
from app.domain.generations import event_queries, queries
from app.domain.generations.errors import GenerationNotFoundError
from app.domain.generations.rules import ACTIVE_STATUSES, Status
from app.domain.generations.schemas import FeedRead, GenerationRead
from app.resources import Resources

FEED_BATCH = 200
LOOKS_MAX = 500
HEARTBEAT_S = 15.0
CHANNEL = "generation_events"


@dataclass(frozen=True)
class Change:
    """One event: where it stands in its stream, and the generation as it was then."""

    id: int
    generation: GenerationRead


@dataclass
class _Question:
    asked: tuple[int, int, int]
    answer: Sequence[asyncpg.Record] | ServiceUnavailableError | None = None


class Lookout:
    """One look at the table for all streams of this process that want one: a change that a thousand of them wait for is read once.

    Who comes while a look is under way is in the next one, with everybody else who does.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._questions: list[_Question] = []
        self._looking = asyncio.Lock()

    async def look(self, generation_id: int, telegram_id: int, *, after: int) -> Sequence[asyncpg.Record]:
        """See event_queries.list_changes. Raises ServiceUnavailableError."""
        question = _Question((generation_id, telegram_id, after))
        self._questions.append(question)
        async with self._looking:
            while question.answer is None:
                await self._answer(self._questions[:LOOKS_MAX])
        if isinstance(question.answer, ServiceUnavailableError):
            raise question.answer
        return question.answer

    async def find_id(self, public_id: UUID, telegram_id: int) -> int:
        """The id of a generation of this user. Raises GenerationNotFoundError, ServiceUnavailableError."""
        async with self._resources.reading() as session:
            found = await queries.find_by_ref(session, public_id, telegram_id)
        if found is None:
            raise GenerationNotFoundError(str(public_id))
        return found.id

    async def _answer(self, questions: list[_Question]) -> None:
        # Whoever is cancelled meanwhile leaves them unanswered: the next of them looks.
        answers: Sequence[Sequence[asyncpg.Record] | ServiceUnavailableError]
        wanted = list(dict.fromkeys(question.asked for question in questions))
        try:
            async with self._resources.reading() as session:
                answers = await event_queries.list_changes(session, wanted)
        except ServiceUnavailableError as error:
            answers = [error] * len(wanted)
        told = dict(zip(wanted, answers, strict=True))
        for question in questions:
            question.answer = told[question.asked]
        self._questions = [question for question in self._questions if question.answer is None]


async def read_feed(session: AsyncSession, *, after: int) -> Sequence[Change]:
    """The next changes of all generations after that position."""
    rows = await event_queries.list_feed(session, after=after, limit=FEED_BATCH)
    return [Change(row["position"], _feed_item(row)) for row in rows]


async def follow(
    lookout: Lookout, notifications: Notifications, ref: int | UUID, telegram_id: int, *, after: int | None
) -> AsyncIterator[Change | None]:
    """A generation's changes after that event id, as they happen, until its last one or until the process ends; without an id, its
    state now first. None is a sign of life. There is something at once, unless `after` was the last one.

    Raises GenerationNotFoundError at the first step when there is no such generation of this user.
    """
    generation_id = ref if isinstance(ref, int) else await lookout.find_id(ref, telegram_id)
    seen, is_first = after or 0, True
    with notifications.waiter(CHANNEL, str(generation_id)) as woken:
        while True:
            rows = await lookout.look(generation_id, telegram_id, after=seen)
            if not rows:
                raise GenerationNotFoundError(str(generation_id))
            changes = changes_of(rows if after is not None or not is_first else rows[-1:], or_now=is_first and after is None)
            for change in changes:
                yield change
                seen = change.id
            if Status(rows[-1]["status"]) not in ACTIVE_STATUSES or notifications.closing.is_set():
                return
            if is_first and not changes:
                yield None
            is_first = False
            if not await wait(woken, timeout_s=HEARTBEAT_S):
                yield None


def changes_of(rows: Sequence[asyncpg.Record], *, or_now: bool = False) -> Sequence[Change]:
    """What rows of event_queries.list_changes tell. With `or_now` a generation without events, whose events are no longer kept, is
    shown as it is.
    """
    changes = [
        Change(row["event_id"], GenerationRead.model_validate(_as_of(row, is_latest=row is rows[-1])))
        for row in rows
        if row["event_id"] is not None
    ]
    return changes or ([Change(0, GenerationRead.model_validate(dict(rows[-1])))] if or_now else [])


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


def _feed_item(row: asyncpg.Record) -> FeedRead:
    return FeedRead.model_validate(_as_of(row, is_latest=row["status"] == row["event_status"]))


def _as_of(row: asyncpg.Record, *, is_latest: bool) -> dict[str, Any]:
    """The generation as it was at that event: what changes over its life is the event's, the rest is its own."""
    now, status = dict(row), Status(row["event_status"])
    return now | {
        "status": status,
        "error_code": row["event_error_code"],
        "error_message": row["event_error_message"],
        "updated_at": row["event_at"],
        "completed_at": None if status in ACTIVE_STATUSES else row["event_at"],
        "started_at": now["started_at"] if is_latest or status is not Status.QUEUED else None,
        "queue_position": now["queue_position"] if is_latest and status is Status.QUEUED else None,
    }
