"""SQL of status events: one generation's, and the feed of all."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.catalogue.models import CatalogModel
from app.domain.generations.models import GenerationEvent, GenerationRequest
from app.domain.generations.queries import READ_COLUMNS
from app.domain.users.models import User

SEQUENCE_BATCH = 1000

_SEQUENCER_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('generation_events sequencer', 0))")
_SEQUENCE = text("""
    WITH fresh AS (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
            SELECT id FROM generation_events WHERE position IS NULL ORDER BY id LIMIT :batch
        ) committed
    ), last AS (
        SELECT coalesce(max(position), 0) AS position FROM generation_events
    )
    UPDATE generation_events event SET position = last.position + fresh.place
    FROM fresh, last WHERE event.id = fresh.id RETURNING event.position
""")

_CHANGES = (
    select(GenerationEvent, User.telegram_id.label("telegram_id"), *READ_COLUMNS)
    .join(GenerationRequest, GenerationRequest.id == GenerationEvent.generation_id)
    .join(CatalogModel, CatalogModel.id == GenerationRequest.model_id)
    .join(User, User.id == GenerationRequest.user_id)
)
# Asked for at every look of every stream, so it is put together once.
_LIST_CHANGES = (
    _CHANGES.where(
        GenerationEvent.generation_id == bindparam("generation_id"),
        GenerationEvent.id > bindparam("after"),
        User.telegram_id == bindparam("telegram_id"),
    )
    .order_by(GenerationEvent.id)
    .limit(1000)
)
_HAS_EVENTS = select(
    exists().where(GenerationEvent.generation_id == bindparam("generation_id"), GenerationEvent.id > bindparam("after"))
)


async def sequence_events(session: AsyncSession) -> int:
    """Give the events that have committed their places in the feed; returns how many.

    One at a time: the lock is held until the commit, so a place is visible before the next one is given.
    """
    await session.execute(_SEQUENCER_LOCK)
    return len((await session.execute(_SEQUENCE, {"batch": SEQUENCE_BATCH})).all())


async def list_changes(session: AsyncSession, generation_id: int, telegram_id: int, *, after: int) -> Sequence[Row[Any]]:
    """One generation's events after that id, each with the generation, if it is this user's; there is a handful of them.

    One statement, so that events and generation are of one moment.
    """
    asked = {"generation_id": generation_id, "telegram_id": telegram_id, "after": after}
    return (await session.execute(_LIST_CHANGES, asked)).all()


async def has_events(session: AsyncSession, generation_id: int, *, after: int) -> bool:
    """Whether the generation has an event after that id."""
    return bool((await session.execute(_HAS_EVENTS, {"generation_id": generation_id, "after": after})).scalar_one())


async def list_feed(session: AsyncSession, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """The feed after that position: each event with its generation and its owner's Telegram id, in one statement."""
    statement = _CHANGES.where(GenerationEvent.position > after).order_by(GenerationEvent.position).limit(limit)
    return (await session.execute(statement)).all()


async def last_position(session: AsyncSession) -> int:
    """The place of the newest event in the feed; 0 before the first."""
    return int(await session.scalar(select(func.coalesce(func.max(GenerationEvent.position), 0))) or 0)
