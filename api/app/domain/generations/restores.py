"""A database that was restored from a backup: what waited in it may have been sent already, in the time that was lost.

The database remembers which one it is: its cluster, its number in there, its timeline. A dump that is restored is another database,
a base backup that is rolled forward to a moment is another timeline. Whoever starts first afterwards counts every waiting attempt
as unknown, before it can be sent again: history, webhook or deadline decide, as with any lost answer. Whoever else sends something
to the outside has doubts of his own, which are written in the same transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import ServiceUnavailableError
from app.core.logging import get_logger
from app.core.model_options import MODEL_OPTIONS
from app.domain.generations import lost_queries
from app.provider.wire import Order, build_order
from app.resources import Resources

# Not permitted, no such function, not supported, not migrated yet.
_UNTOLD = frozenset({"42501", "42883", "0A000", "42P01"})
RECOVERY_MAX_S = 600.0
RECOVERY_LOOK_EVERY_S = 0.25

_log = get_logger(__name__)


Doubt = Callable[[AsyncSession], Awaitable[int]]


async def notice_restore(resources: Resources, *doubts: Doubt) -> int:
    """To be called before this process sends or takes an order. Returns how many waiting attempts are unknown because of it.

    `doubts` are what else must not be taken for unsent; each returns how much that was.

    Raises ServiceUnavailableError when the database is away, or has not replayed its log after ten minutes: a worker must not begin
    without knowing.
    """
    await _until_recovered(resources)
    try:
        async with resources.transaction() as session:
            return await _notice(session, doubts, is_sync=resources.settings.wavespeed_sync_mode)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _UNTOLD:
            raise
        _log.warning("restore_not_detectable", reason=str(error.orig), effect="a restored database is taken for the old one")
        return 0


async def _until_recovered(resources: Resources) -> None:
    """A server that replays its log can be read, but has not decided yet which database it is."""
    is_told = False
    try:
        async with asyncio.timeout(RECOVERY_MAX_S):
            while True:
                async with resources.reading() as session:
                    if not await lost_queries.is_in_recovery(session):
                        return
                if not is_told:
                    _log.warning("database_in_recovery", effect="nothing begins before it can be written")
                is_told = True
                await asyncio.sleep(RECOVERY_LOOK_EVERY_S)
    except TimeoutError as error:
        raise ServiceUnavailableError from error


async def _notice(session: AsyncSession, doubts: tuple[Doubt, ...], *, is_sync: bool) -> int:
    known = await lost_queries.lock_identity(session)
    identity = await lost_queries.get_identity(session)
    if known == identity:
        return 0
    await lost_queries.store_identity(session, identity)
    if known is None:
        return 0
    doubted = await _doubt(session, is_sync=is_sync)
    others = sum([await doubt(session) for doubt in doubts])
    _log.error("database_was_restored", before=known, now=identity, attempts_unknown=doubted, tellings_doubted=others)
    return doubted


async def _doubt(session: AsyncSession, *, is_sync: bool) -> int:
    sent: list[tuple[int, str, dict[str, object]]] = []
    for row in await lost_queries.list_ready(session):
        order: Order = build_order(
            MODEL_OPTIONS[row.model_key],
            prompt=row.prompt,
            size=row.size,
            aspect_ratio=row.aspect_ratio,
            resolution=row.resolution,
            reference_urls=row.reference_urls or (),
            is_sync=is_sync,
        )
        sent.append((row.id, order.path, dict(order.body)))
    if not sent:
        return 0
    return len(await lost_queries.mark_doubted(session, sent, reason="the database was restored: it may have been sent before"))
