"""The provider's history decides about attempts whose answer was lost: load, call, apply, and no transaction is open in between.

A live attempt gets its task and goes on as if the answer had come. A task that turns up when the generation has failed already is
noted as an orphan, with what it cost; it moves no credit and makes no picture. A history that cannot be had changes nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.core.metrics import ATTEMPTS_FOUND, ORPHANS
from app.domain.generations import lost_queries, matching
from app.domain.generations.matching import CLOCK_SKEW, Lost, Pair, Sent
from app.domain.generations.models import GenerationOrphan
from app.domain.generations.rules import PROVIDER, AttemptState
from app.provider.client import ProviderClient
from app.provider.errors import BusyError, ProviderError, TaskGoneError
from app.provider.history import PastTask
from app.provider.wire import Task, TaskState
from app.queue.enqueue import GENERATE, wake_all
from app.resources import Resources

DUE_MAX = 500
ASKED_AT_ONCE = 8
LOOK_BACK_S = 24 * 3600.0

_T = TypeVar("_T")
_log = get_logger(__name__)


@dataclass(frozen=True)
class _Late:
    """An attempt whose generation has failed, and its task, which turned up afterwards."""

    row: Row[Any]
    task: Task


async def reconcile(resources: Resources) -> None:
    """Ask the provider about what is due, if anything is."""
    async with resources.reading() as session:
        due = await lost_queries.list_due(session, limit=DUE_MAX)
        names = _grouped(await lost_queries.list_names(session)) if due else {}
    if not due or resources.provider is None:
        return
    lost = [_lost(row) for row in due if row.provider_job_id is None and row.sent_path is not None]
    history = await _ask_history(resources.provider, lost, names)
    late = await _ask_tasks(resources.provider, [row for row in due if row.provider_job_id is not None])
    try:
        async with resources.transaction() as session:
            late += await _apply(session, due, lost, history, names)
    except IntegrityError:
        # A task that was free a moment ago was given to its attempt by its own answer or its webhook.
        _log.info("history_outrun")
        return
    late = [one for one in late if one.task.state is not TaskState.PENDING]
    if late:
        costs = await _ask_costs(resources.provider, late)
        async with resources.transaction() as session:
            await _note(session, late, costs)


async def list_orphans(session: AsyncSession, *, limit: int) -> Sequence[GenerationOrphan]:
    """The tasks that nobody paid for but the operator, the newest first."""
    return await lost_queries.list_orphans(session, limit=limit)


async def sum_orphans(session: AsyncSession) -> tuple[int, Decimal]:
    """How many of them there are, and what they cost in USD as far as the provider said."""
    return await lost_queries.sum_orphans(session)


async def _apply(
    session: AsyncSession,
    due: Sequence[Row[Any]],
    lost: Sequence[Lost],
    history: Mapping[str, Sequence[PastTask]],
    names: Mapping[str, set[str]],
) -> list[_Late]:
    """Bind what can be bound, wake its jobs; returns the tasks of generations that had failed already."""
    if not await lost_queries.try_lock(session):
        return []
    rows = {row.id: row for row in due}
    ids = [past.task.id for tasks in history.values() for past in tasks]
    # Asked now, not when the attempts were read: what is in flight or bound by now must keep its task.
    in_flight = [
        Sent(row.sent_path, row.sent_body, row.submitted_at) for row in await lost_queries.list_in_flight(session, history)
    ]
    pairs = matching.pair(
        lost, history, names=names, in_flight=in_flight, taken=await lost_queries.list_taken(session, ids) if ids else ()
    )
    bound = await _bind(session, pairs)
    await lost_queries.mark_looked(session, list(rows), looked_at=due[0].now, look_back_s=LOOK_BACK_S)
    tasks = {one.attempt_id: one.past.task for one in pairs}
    return [_Late(rows[attempt_id], tasks[attempt_id]) for attempt_id, state in bound.items() if state is AttemptState.EXPIRED]


async def _bind(session: AsyncSession, pairs: Sequence[Pair]) -> dict[int, AttemptState]:
    if not pairs:
        return {}
    bound = await lost_queries.bind_tasks(session, [(one.attempt_id, one.past.task.id) for one in pairs])
    live = [row.generation_id for row in bound if row.state != AttemptState.EXPIRED]
    if live:
        await wake_all(session, GENERATE, live)
    for row in bound:
        ATTEMPTS_FOUND.labels(state=row.state).inc()
        _log.info("attempt_found_in_history", generation_id=row.generation_id, state=row.state)
    return {row.id: AttemptState(row.state) for row in bound}


async def _note(session: AsyncSession, late: Sequence[_Late], costs: Mapping[str, Decimal]) -> None:
    orphans = [
        {
            "attempt_id": one.row.id,
            "generation_id": one.row.generation_id,
            "provider": PROVIDER,
            "provider_job_id": one.task.id,
            "status": one.task.status,
            "cost_usd": costs.get(one.task.id),
        }
        for one in late
    ]
    noted = set(await lost_queries.insert_orphans(session, orphans))
    for orphan in orphans:
        if orphan["provider_job_id"] in noted:
            ORPHANS.labels(status=orphan["status"]).inc()
            cost = str(orphan["cost_usd"]) if orphan["cost_usd"] is not None else None
            _log.warning("orphan_noted", **orphan | {"cost_usd": cost})


async def _ask_history(provider: ProviderClient, lost: Sequence[Lost], names: Mapping[str, set[str]]) -> dict[str, list[PastTask]]:
    """The history by path, as far as it can be had; a path whose history failed is left for the next time."""
    by_path: defaultdict[str, list[Lost]] = defaultdict(list)
    for one in lost:
        by_path[one.sent.path].append(one)

    async def ask(path: str) -> tuple[str, list[PastTask]] | None:
        found: list[PastTask] = []
        try:
            for model in (path, *sorted(names.get(path, ()))):
                for after, before in matching.windows_of(by_path[path]):
                    found += await provider.list_history(model, after=after, before=before)
        except BusyError as error:
            _log.warning("history_not_read", path=path, reason=error.reason, attempts=len(by_path[path]))
            return None
        return path, found

    return dict(answer for answer in await _each(by_path, ask) if answer is not None)


async def _ask_tasks(provider: ProviderClient, rows: Sequence[Row[Any]]) -> list[_Late]:
    """The tasks of attempts that had an id when their deadline came, as they are now."""

    async def ask(row: Row[Any]) -> _Late | None:
        try:
            return _Late(row, await provider.read(row.provider_job_id))
        except (BusyError, TaskGoneError) as error:
            _log.info("late_task_not_read", generation_id=row.generation_id, reason=error.reason)
            return None

    return [late for late in await _each(rows, ask) if late is not None]


async def _ask_costs(provider: ProviderClient, late: Sequence[_Late]) -> dict[str, Decimal]:
    """What these tasks cost: by their bills, else by the price list; a cost that cannot be had is left out."""
    after, before = min(one.row.submitted_at for one in late) - CLOCK_SKEW, late[0].row.now + CLOCK_SKEW
    costs: dict[str, Decimal] = {}
    try:
        costs |= await provider.list_costs([one.task.id for one in late], after=after, before=before)
    except BusyError as error:
        _log.info("bills_not_read", reason=error.reason)

    async def ask(one: _Late) -> tuple[str, Decimal] | None:
        try:
            return one.task.id, await provider.price_of(one.row.sent_path, one.row.sent_body)
        except ProviderError as error:
            _log.info("price_not_read", reason=error.reason)
            return None

    is_priced = [one for one in late if one.task.id not in costs and one.row.sent_path and one.task.state is TaskState.COMPLETED]
    return dict(answer for answer in await _each(is_priced, ask) if answer is not None) | costs


_K = TypeVar("_K")


async def _each(items: Sequence[_K] | Mapping[_K, Any], ask: Callable[[_K], Awaitable[_T]]) -> list[_T]:
    """Ask about each, a few at a time."""
    places = asyncio.Semaphore(ASKED_AT_ONCE)

    async def one(item: _K) -> _T:
        async with places:
            return await ask(item)

    return await asyncio.gather(*(one(item) for item in items))


def _lost(row: Row[Any]) -> Lost:
    sent = Sent(row.sent_path, row.sent_body, row.submitted_at)
    return Lost(row.id, sent, _latest(row.lost_at, row.submitted_at), is_live=row.state == AttemptState.UNKNOWN)


def _latest(first: datetime, second: datetime) -> datetime:
    return max(first, second)


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, set[str]]:
    grouped: defaultdict[str, set[str]] = defaultdict(set)
    for path, name in pairs:
        grouped[path].add(name)
    return dict(grouped)
