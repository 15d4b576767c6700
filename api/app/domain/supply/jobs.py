"""Scheduled work of the provider's health: look at its account before it is empty."""

from functools import partial

from app.core.logging import get_logger
from app.domain.supply import service
from app.provider.errors import ProviderError
from app.queue.worker import ScheduledJob
from app.resources import Resources

_log = get_logger(__name__)


def wire_jobs(resources: Resources) -> list[ScheduledJob]:
    """The jobs of this room, bound to the process's resources."""
    return [ScheduledJob("watch_provider_balance", "* * * * *", partial(watch_balance, resources))]


async def watch_balance(resources: Resources) -> None:
    """Read the provider's balance and write it down. One that cannot be read changes nothing."""
    if resources.provider is None:
        return
    try:
        usd = await resources.provider.read_balance()
    except ProviderError as error:
        _log.warning("provider_balance_unreadable", reason=error.reason)
        return
    async with resources.transaction() as session:
        await service.note_balance(session, resources.settings, usd)
    service.forget(resources)
