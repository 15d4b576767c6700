"""How the queue stops."""

import asyncio

from app.core import clock
from app.queue.enqueue import GENERATE, enqueue
from app.queue.worker import STOP_MAX_S, QueueJob, run_queue
from app.resources import Resources


class TestStop:
    async def test_does_not_wait_for_a_job_that_does_not_come_to_a_rest(self, resources: Resources) -> None:
        started, stopping = asyncio.Event(), asyncio.Event()

        async def never_ends(_: int, __: asyncio.Event) -> None:
            started.set()
            await asyncio.Event().wait()

        async with resources.transaction() as session:
            await enqueue(session, GENERATE, 1)
        async with asyncio.TaskGroup() as group:
            dsn = resources.settings.database_dsn or ""
            group.create_task(run_queue(dsn, [QueueJob(GENERATE, never_ends, slots=1)], [], lease_s=2, stopping=stopping))
            async with asyncio.timeout(30):
                await started.wait()
            stopped_at_s = clock.monotonic_s()
            stopping.set()

        assert clock.monotonic_s() - stopped_at_s < 4 * STOP_MAX_S
        assert await count_of_jobs(resources) == 1

    async def test_lets_a_job_come_to_its_rest(self, resources: Resources) -> None:
        started, stopping, rested = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def rests(_: int, told: asyncio.Event) -> None:
            started.set()
            await told.wait()
            await asyncio.sleep(0.2)
            rested.set()

        async with resources.transaction() as session:
            await enqueue(session, GENERATE, 1)
        async with asyncio.TaskGroup() as group:
            dsn = resources.settings.database_dsn or ""
            group.create_task(run_queue(dsn, [QueueJob(GENERATE, rests, slots=1)], [], lease_s=2, stopping=stopping))
            async with asyncio.timeout(30):
                await started.wait()
            stopping.set()

        assert rested.is_set()
        assert await count_of_jobs(resources) == 0


async def count_of_jobs(resources: Resources) -> int:
    async with resources.reading() as session:
        return int((await (await session.connection()).exec_driver_sql("SELECT count(*) FROM pgqueuer")).scalar_one())
