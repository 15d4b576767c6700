"""Scheduled work of idempotency keys: forget those that nobody will repeat any more."""

from functools import partial

from app.core.logging import get_logger
from app.domain.idempotency import service
from app.queue.worker import ScheduledJob
from app.resources import Resources

_log = get_logger(__name__)


def wire_jobs(resources: Resources) -> list[ScheduledJob]:
    """The jobs of this room, bound to the process's resources."""
    return [ScheduledJob("forget_idempotency_keys", "17 3 * * *", partial(forget, resources))]


async def forget(resources: Resources) -> None:
    """Delete keys older than the service keeps them, a batch in each transaction."""
    forgotten, is_more = 0, True
    while is_more:
        async with resources.transaction() as session:
            batch = await service.forget_old(session)
        forgotten += batch
        is_more = batch == service.FORGET_BATCH
    _log.info("idempotency_keys_forgotten", count=forgotten)
