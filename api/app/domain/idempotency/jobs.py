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
    """Delete keys older than the service keeps them."""
    async with resources.transaction() as session:
        forgotten = await service.forget_old(session)
    _log.info("idempotency_keys_forgotten", count=forgotten)
