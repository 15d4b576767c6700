"""Scheduled work of deliveries: end those that nobody will tell any more."""

from functools import partial

from app.core.logging import get_logger
from app.domain.deliveries import service
from app.queue.worker import ScheduledJob
from app.resources import Resources

_log = get_logger(__name__)


def wire_jobs(resources: Resources) -> list[ScheduledJob]:
    """The jobs of this room, bound to the process's resources."""
    return [ScheduledJob("give_up_deliveries", "41 * * * *", partial(give_up, resources))]


async def give_up(resources: Resources) -> None:
    """End deliveries that are too old, in batches of a short transaction each."""
    total = 0
    while True:
        async with resources.transaction() as session:
            ended = await service.give_up(session)
        total += ended
        if ended < service.GIVE_UP_BATCH:
            break
    if total:
        _log.warning("deliveries_given_up", count=total, effect="their users were never told; does a bot claim them?")
