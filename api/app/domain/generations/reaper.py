"""The reaper: ends what is overdue, queues again what lost its job, and counts what must not be.

It moves states and never submits.
"""

from app.core.logging import get_logger
from app.core.metrics import REAPED
from app.domain.generations import attempts, events, reaper_queries
from app.queue.enqueue import GENERATE, enqueue, list_missing
from app.resources import Resources

BATCH = 200
JOB_BATCH = 2000
JOB_AGE_S = 60.0
EVENT_AGE_S = 60.0
SETTLED_SEEN = 10_000

_log = get_logger(__name__)


async def sweep(resources: Resources) -> None:
    """One round, by one worker of all. Its alarms are counts and lines in the log: what is wrong with money is never guessed at."""
    await _end_overdue(resources)
    await _queue_missing(resources)
    await events.sequence_all(resources)
    async with resources.reading() as session:
        unsettled = await reaper_queries.list_unsettled_ids(session, newest=SETTLED_SEEN)
        waiting = await reaper_queries.count_waiting_events(session, older_than_s=EVENT_AGE_S)
    if unsettled:
        REAPED.labels(found="unsettled").inc(len(unsettled))
        _log.error("generations_unsettled", count=len(unsettled), first=unsettled[:5], effect="run rassom audit")
    if waiting:
        REAPED.labels(found="event_waiting").inc(waiting)
        _log.error("events_without_place", count=waiting)


async def _end_overdue(resources: Resources) -> None:
    async with resources.reading() as session:
        overdue = await reaper_queries.list_overdue_ids(session, limit=BATCH)
    for generation_id in overdue:
        # One short transaction each, so that one row in trouble does not keep the others' credits.
        async with resources.transaction() as session:
            is_ended = await attempts.expire(session, generation_id)
        if is_ended:
            REAPED.labels(found="overdue").inc()


async def _queue_missing(resources: Resources) -> None:
    """Whatever state it is in: the job finds an attempt whose worker died, asks after a task, or sends what was never sent."""
    after_id = 0
    while True:
        async with resources.transaction() as session:
            ids = await reaper_queries.list_active_ids(session, older_than_s=JOB_AGE_S, after_id=after_id, limit=JOB_BATCH)
            for generation_id in await list_missing(session, GENERATE, ids):
                REAPED.labels(found="job_missing").inc()
                _log.warning("job_was_missing", generation_id=generation_id)
                await enqueue(session, GENERATE, generation_id)
        if len(ids) < JOB_BATCH:
            return
        after_id = ids[-1]
