"""SQL of status events: one generation's, and the feed of all."""

from collections.abc import Sequence

import asyncpg
from sqlalchemy import BigInteger, and_, bindparam, column, func, literal_column, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
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

# Only the first rows of the table are looked at. The last place of the feed stays: the next one is counted from it.
_DELETE_OLDEST = text("""
    DELETE FROM generation_events event USING (
        SELECT id, position, created_at FROM generation_events ORDER BY id LIMIT :limit
    ) oldest
    WHERE event.id = oldest.id AND oldest.created_at < now() - make_interval(days => :days)
        AND oldest.position < (SELECT max(position) FROM generation_events)
    RETURNING event.id
""")

_EVENT_COLUMNS = (
    GenerationEvent.id.label("event_id"),
    GenerationEvent.position,
    GenerationEvent.status.label("event_status"),
    GenerationEvent.error_code.label("event_error_code"),
    GenerationEvent.error_message.label("event_error_message"),
    GenerationEvent.created_at.label("event_at"),
)
_asked = (
    func.unnest(
        bindparam("generation_ids", type_=ARRAY(BigInteger)),
        bindparam("telegram_ids", type_=ARRAY(BigInteger)),
        bindparam("afters", type_=ARRAY(BigInteger)),
    )
    .table_valued(
        column("generation_id", BigInteger),
        column("telegram_id", BigInteger),
        column("after", BigInteger),
        with_ordinality="place",
        name="asked",
    )
    .render_derived()
)
_later = (
    select(*_EVENT_COLUMNS)
    .where(GenerationEvent.generation_id == _asked.c.generation_id, GenerationEvent.id > _asked.c.after)
    .order_by(GenerationEvent.id)
    .limit(literal_column("1000"))
    .lateral("later")
)
# Of one moment: generation and events, for everybody who asks in it.
_LIST_CHANGES = wire.Statement(
    select(_asked.c.place, _later, *READ_COLUMNS)
    .select_from(_asked)
    .join(GenerationRequest, GenerationRequest.id == _asked.c.generation_id)
    .join(CatalogModel, CatalogModel.id == GenerationRequest.model_id)
    .join(User, and_(User.id == GenerationRequest.user_id, User.telegram_id == _asked.c.telegram_id))
    .join(_later, true(), isouter=True)
    .order_by(_asked.c.place, _later.c.event_id)
)
_LIST_FEED = wire.Statement(
    select(*_EVENT_COLUMNS, User.telegram_id.label("telegram_id"), *READ_COLUMNS)
    .join(GenerationRequest, GenerationRequest.id == GenerationEvent.generation_id)
    .join(CatalogModel, CatalogModel.id == GenerationRequest.model_id)
    .join(User, User.id == GenerationRequest.user_id)
    .where(GenerationEvent.position > bindparam("after"))
    .order_by(GenerationEvent.position)
    .limit(bindparam("limit", type_=BigInteger))
)


async def sequence_events(session: AsyncSession) -> int:
    """Give the events that have committed their places in the feed; returns how many.

    One at a time: the lock is held until the commit, so a place is visible before the next one is given.
    """
    await session.execute(_SEQUENCER_LOCK)
    return len((await session.execute(_SEQUENCE, {"batch": SEQUENCE_BATCH})).all())


async def list_changes(session: AsyncSession, asked: Sequence[tuple[int, int, int]]) -> list[list[asyncpg.Record]]:
    """For each (generation, its owner's Telegram id, event id): the events after that one, a handful, each with the generation.

    None of a generation that is not this user's; one row without an event where there is no later one. In one statement, so all of
    it is of one moment.
    """
    generation_ids, telegram_ids, afters = (list(column) for column in zip(*asked, strict=True))
    found: list[list[asyncpg.Record]] = [[] for _ in asked]
    values = {"generation_ids": generation_ids, "telegram_ids": telegram_ids, "afters": afters}
    for row in await wire.fetch(session, _LIST_CHANGES, values):
        found[row["place"] - 1].append(row)
    return found


async def list_feed(session: AsyncSession, *, after: int, limit: int) -> Sequence[asyncpg.Record]:
    """The feed after that position: each event with its generation and its owner's Telegram id, in one statement."""
    return await wire.fetch(session, _LIST_FEED, {"after": after, "limit": limit})


async def last_position(session: AsyncSession) -> int:
    """The place of the newest event in the feed; 0 before the first."""
    return int(await session.scalar(select(func.coalesce(func.max(GenerationEvent.position), 0))) or 0)


async def delete_oldest(session: AsyncSession, *, days: int, limit: int) -> int:
    """Delete the oldest events of that age, those that have no place in the feed yet excepted; returns how many."""
    return len((await session.execute(_DELETE_OLDEST, {"days": days, "limit": limit})).all())
