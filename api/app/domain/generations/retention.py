"""What is forgotten by the clock: events that were told long ago and the queue's log. Orders, attempts, pictures and money stay."""

from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.generations import event_queries
from app.queue.log import forget_log
from app.resources import Resources

EVENTS_KEPT_DAYS = 30
LOG_KEPT_DAYS = 3
BATCH = 5000

_log = get_logger(__name__)


async def forget(resources: Resources) -> None:
    """Delete what is too old, the oldest first. A worker that dies in between has deleted less, and the next round goes on."""
    events = await _in_batches(resources, partial(event_queries.delete_oldest, days=EVENTS_KEPT_DAYS, limit=BATCH))
    log = await _in_batches(resources, partial(forget_log, days=LOG_KEPT_DAYS, limit=BATCH))
    _log.info("old_rows_forgotten", events=events, queue_log=log)


async def _in_batches(resources: Resources, delete: Callable[[AsyncSession], Awaitable[int]]) -> int:
    # A transaction each: none is long, whatever has piled up while no worker ran.
    total = 0
    while True:
        async with resources.transaction() as session:
            deleted = await delete(session)
        total += deleted
        if deleted < BATCH:
            return total
