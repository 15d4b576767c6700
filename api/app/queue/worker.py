"""The worker's side of the queue: PgQueuer wired to our jobs, and how it behaves when the database goes away or we are stopped.

PgQueuer gives dispatch, wake-up, slots over all workers and re-runs the jobs of a dead worker when its heartbeat is stale. It knows
nothing of money: a job that runs again looks at the rows first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job, Schedule

from app.core.errors import ServiceUnavailableError
from app.core.logging import get_logger
from app.db.notifications import Notifications
from app.db.session import server_settings
from app.queue.driver import LOST, SteadyDriver
from app.queue.taking import PatientQueries

FAILURE_DELAY_MAX_S = 60.0
SCHEDULE_GRACE_S = 1.0
BATCH_SIZE = 20
STOP_MAX_S = 4.0
# The queue's own commits are not waited for. The claim's is, and it is later in the log: who may send a POST holds a job for good.
# What is lost with a server that crashes is a job's end, or that it was taken: it is run once more, and looks at the rows first.
_NO_WAIT = {"synchronous_commit": "off"}

_log = get_logger(__name__)


class RunAgainError(Exception):
    """Raised by a job that is not finished: run it again after `delay_s` seconds, in this worker or another one.

    Without: as soon as it may, which is now unless it was told to rest (enqueue.rest).
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__(f"again in {delay_s:.1f} s")
        self.delay_s = delay_s


@dataclass(frozen=True)
class QueueJob:
    """One job: `work(key, stopping)`; at most `slots` of them, one at least, run at once over all workers.

    `wakes` are heard while the queue runs, for work that waits for them.
    """

    entrypoint: str
    work: Callable[[int, asyncio.Event], Awaitable[None]]
    slots: int
    wakes: Notifications | None = None


@dataclass(frozen=True)
class ScheduledJob:
    """Work that runs by the clock, once over all workers: a cron expression with seconds last.

    A worker that is stopped cuts it short after a moment, so it may end anywhere.
    """

    name: str
    cron: str
    work: Callable[[], Awaitable[object]]


async def run_queue(
    dsn: str, jobs: list[QueueJob], schedules: list[ScheduledJob], *, lease_s: float, stopping: asyncio.Event
) -> None:
    """Run until `stopping` is set, then let the jobs in flight come to a rest, for STOP_MAX_S at most.

    A database that goes away is waited for, but not by a worker that stops.
    """
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                dsn, min_size=1, max_size=4, timeout=5, reset=_leave_as_it_is, server_settings=server_settings("queue") | _NO_WAIT
            )
        )
        for job in jobs:
            if job.wakes is not None:
                await stack.enter_async_context(job.wakes.listening())
        driver = SteadyDriver(pool, dsn, stopping=stopping)
        queries = PatientQueries(driver)
        pgq = PgQueuer(driver, queries=queries)
        for job in jobs:
            pgq.entrypoint(job.entrypoint, concurrency_limit=job.slots, accepts_context=False)(_guarded(job, stopping))
        for schedule in schedules:
            pgq.schedule(schedule.name, schedule.cron, accepts_context=False)(_scheduled(schedule, stopping))
        async with asyncio.TaskGroup() as group:
            limit = asyncio.timeout(None)
            helpers = [group.create_task(driver.keep_listening()), group.create_task(_stop(stopping, pgq, queries, limit))]
            try:
                async with limit:
                    await pgq.run(
                        batch_size=BATCH_SIZE,
                        heartbeat_timeout=timedelta(seconds=lease_s),
                        log_aggregation_interval=timedelta(0),  # nobody reads the library's statistics
                    )
            except LOST as error:
                if not stopping.is_set():
                    raise
                # The database ended first, or jobs did not come to a rest in time. What was in flight goes back to the queue or,
                # as after a kill, is taken over when the lease is over.
                _log.warning("queue_stopped_short", error=type(error).__name__)
            finally:
                for helper in helpers:
                    helper.cancel()


def _guarded(job: QueueJob, stopping: asyncio.Event) -> Callable[[Job], Awaitable[None]]:
    async def run(queued: Job) -> None:
        key = int(queued.payload or b"0")
        try:
            await job.work(key, stopping)
        except RunAgainError as again:
            raise RetryRequested(timedelta(seconds=again.delay_s), str(again)) from None
        except asyncio.CancelledError:
            if not stopping.is_set():
                raise
            # A cancelled job would be gone from the queue: this one is only cut short, and is another worker's now.
            raise RetryRequested(timedelta(0), "its worker stopped") from None
        except ServiceUnavailableError as error:
            delay_s = _delay_s(queued)
            _log.warning("job_waits_for_database", entrypoint=job.entrypoint, key=key, again_in_s=delay_s)
            raise RetryRequested(timedelta(seconds=delay_s), type(error).__name__) from None
        except Exception as error:
            # No job is ever given up: what it works for has a deadline of its own.
            delay_s = _delay_s(queued)
            _log.exception("job_failed", entrypoint=job.entrypoint, key=key, attempts=queued.attempts, again_in_s=delay_s)
            raise RetryRequested(timedelta(seconds=delay_s), type(error).__name__) from error

    return run


def _delay_s(queued: Job) -> float:
    return min(2.0 ** min(queued.attempts, 6), FAILURE_DELAY_MAX_S)


def _scheduled(schedule: ScheduledJob, stopping: asyncio.Event) -> Callable[[Schedule], Awaitable[None]]:
    async def run(_: Schedule) -> None:
        async with asyncio.TaskGroup() as group:
            work, stop = group.create_task(_round_of(schedule)), group.create_task(stopping.wait())
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            # A round that waits for somebody else would hold up the end; the next worker does it again from the start.
            await asyncio.wait({work}, timeout=SCHEDULE_GRACE_S)
            for task in (work, stop):
                task.cancel()

    return run


async def _round_of(schedule: ScheduledJob) -> None:
    try:
        await schedule.work()
    except ServiceUnavailableError as error:
        _log.warning("schedule_waits_for_database", name=schedule.name, error=type(error).__name__)
    except Exception:
        # The library goes on, and the next round comes by the clock.
        _log.exception("schedule_failed", name=schedule.name)
        raise


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """The queue's statements leave nothing behind on a connection: no round trip to clean it after each of them."""


async def _stop(stopping: asyncio.Event, pgq: PgQueuer, queries: PatientQueries, limit: asyncio.Timeout) -> None:
    await stopping.wait()
    pgq.shutdown.set()
    queries.wake()
    limit.reschedule(asyncio.get_running_loop().time() + STOP_MAX_S)
