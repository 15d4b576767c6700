"""SQL that the API asks of generations: the user's lock, and all that is read. What stores an order is in order_queries.py, what a
worker asks in attempt_queries.py.
"""

from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, Select, Text, bindparam, case, extract, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.db import wire
from app.domain.catalogue.models import CatalogModel
from app.domain.generations.models import GenerationJob, GenerationRequest, GenerationResult
from app.domain.generations.rules import AttemptState, Status
from app.domain.generations.schemas import Active, Bars, Ended, GenerationRead
from app.domain.users.models import User

PLACES_COUNTED_MAX = 200
"""A place in line is counted that far and no further: whoever looks would pay for everybody before it, at every look."""

# A volatile function's statement sees what was committed before it, also while the function waited for the lock.
_LOCK_USER = wire.Statement(text("SELECT is_banned, id, public_id, status FROM generation_lock_user(:user_id)"))

# Written out, not sent: only so can a prepared statement use an index of such rows.
_QUEUED = literal_column(f"'{Status.QUEUED}'", Text)

_ahead = aliased(GenerationRequest)
_queue_position = case(
    (
        GenerationRequest.status == _QUEUED,
        select(func.count() + 1)
        .select_from(
            select(_ahead.id)
            .where(_ahead.status == _QUEUED, _ahead.id < GenerationRequest.id)
            .correlate(GenerationRequest)
            .limit(PLACES_COUNTED_MAX)
            .subquery()
        )
        .scalar_subquery(),
    ),
    else_=None,
)
READ_COLUMNS = (
    *[
        getattr(GenerationRequest, name)
        for name in GenerationRead.model_fields
        if name not in {"model_key", "style", "trial_used", "queue_position"}
    ],
    CatalogModel.key.label("model_key"),
    GenerationRequest.trial_use_id.is_not(None).label("trial_used"),
    _queue_position.label("queue_position"),
)


_SHOWN = select(*READ_COLUMNS).join(CatalogModel, CatalogModel.id == GenerationRequest.model_id)


def _find_by(column: InstrumentedAttribute[Any]) -> wire.Statement:
    of_owner = _SHOWN.join(User, User.id == GenerationRequest.user_id)
    return wire.Statement(of_owner.where(column == bindparam("ref"), User.telegram_id == bindparam("telegram_id")))


_FIND_BY_ID = _find_by(GenerationRequest.id)
_FIND_BY_PUBLIC_ID = _find_by(GenerationRequest.public_id)
# What runs is its owner's newest, and has no end. By its status it would be looked for among all that run (migration 0013).
_of_owner = aliased(GenerationRequest)
_owner_id = select(User.id).where(User.telegram_id == bindparam("telegram_id")).scalar_subquery()
_newest_id = select(func.max(_of_owner.id)).where(_of_owner.user_id == _owner_id).scalar_subquery()
_FIND_ACTIVE_READ = wire.Statement(_SHOWN.where(GenerationRequest.id == _newest_id, GenerationRequest.completed_at.is_(None)))
_NEWEST = 2**63 - 1
_LIST_PAGE = wire.Statement(
    _SHOWN.where(GenerationRequest.user_id == bindparam("user_id"), GenerationRequest.id < bindparam("before_id"))
    .order_by(GenerationRequest.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)


async def lock_user(session: AsyncSession, user_id: int) -> Bars:
    """Wait for every other submit of this user; the lock ends with the transaction.

    Returns what keeps the user from ordering, as it is after the wait. A ban takes the lock too: what begins after a ban sees it.
    Of generations that have not ended there is at most one, by a unique index.
    """
    (row,) = await wire.fetch(session, _LOCK_USER, {"user_id": user_id})
    running = Active(id=row["id"], public_id=row["public_id"], status=Status(row["status"])) if row["id"] is not None else None
    return Bars(is_banned=row["is_banned"], running=running)


async def count_queued(session: AsyncSession, up_to: int) -> int:
    """How many orders wait, counted no further than `up_to`."""
    waiting = select(GenerationRequest.id).where(GenerationRequest.status == Status.QUEUED).limit(up_to).subquery()
    return (await session.scalars(select(func.count()).select_from(waiting))).one()


async def find_task_seconds(session: AsyncSession) -> float | None:
    """How long the last hundred pictures took at the provider, on average; None when there was none among the newest attempts."""
    newest = select(func.max(GenerationJob.id) - 20_000).scalar_subquery()
    latest = (
        select(extract("epoch", GenerationJob.finished_at - GenerationJob.submitted_at).label("seconds"))
        .where(GenerationJob.id > newest, GenerationJob.state == AttemptState.COMPLETED, GenerationJob.submitted_at.is_not(None))
        .order_by(GenerationJob.id.desc())
        .limit(100)
        .subquery()
    )
    seconds = await session.scalar(select(func.avg(latest.c.seconds)))
    return float(seconds) if seconds is not None else None


async def find_by_ref(session: AsyncSession, ref: int | UUID, telegram_id: int) -> GenerationRead | None:
    """The generation with this id or public id, if it is this user's."""
    statement = _FIND_BY_ID if isinstance(ref, int) else _FIND_BY_PUBLIC_ID
    row = await wire.fetch_row(session, statement, {"ref": ref, "telegram_id": telegram_id})
    return _read(row) if row else None


async def list_page(session: AsyncSession, user_id: int, *, before_id: int | None, limit: int) -> list[GenerationRead]:
    """A user's generations, the newest first, older than `before_id`."""
    asked = {"user_id": user_id, "before_id": _NEWEST if before_id is None else before_id, "limit": limit}
    return [_read(row) for row in await wire.fetch(session, _LIST_PAGE, asked)]


async def find_active_read(session: AsyncSession, telegram_id: int) -> GenerationRead | None:
    """The user's running generation with all that is shown of it, or None."""
    row = await wire.fetch_row(session, _FIND_ACTIVE_READ, {"telegram_id": telegram_id})
    return _read(row) if row else None


async def list_result_urls(session: AsyncSession, generation_id: int) -> list[str]:
    """The pictures of a completed generation, in the provider's order; a provider makes at most a handful."""
    statement = select(GenerationResult.url).where(GenerationResult.generation_id == generation_id)
    return list(await session.scalars(statement.order_by(GenerationResult.position).limit(100)))


async def list_ended(session: AsyncSession, ids: list[int]) -> list[Ended]:
    """These generations with their pictures and their owners, who chose a language or speak the one that Telegram says."""
    urls = (
        select(func.array_agg(aggregate_order_by(GenerationResult.url, GenerationResult.position)))
        .where(GenerationResult.generation_id == GenerationRequest.id)
        .correlate(GenerationRequest)
        .scalar_subquery()
    )
    language = func.coalesce(User.preferences["language"].astext, User.language_code)
    statement: Select[Any] = (
        select(*READ_COLUMNS, User.telegram_id.label("owner"), language.label("language"), urls.label("urls"))
        .join(CatalogModel, CatalogModel.id == GenerationRequest.model_id)
        .join(User, User.id == GenerationRequest.user_id)
        .where(GenerationRequest.id.in_(ids))
        .order_by(GenerationRequest.id)
    )
    return [
        Ended(GenerationRead.model_validate(row), row.owner, row.language, row.urls or [])
        for row in await session.execute(statement)
    ]


def _read(row: asyncpg.Record) -> GenerationRead:
    return GenerationRead.model_validate(dict(row))
