"""How the queue takes jobs, and how it stops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.core import clock
from app.queue.enqueue import GENERATE, enqueue
from app.queue.taking import LOOK_EVERY_S, PatientQueries
from app.queue.worker import STOP_MAX_S, QueueJob, RunAgainError, run_queue
from app.resources import Resources
from tests.running import STOP_MAX_S as REST_MAX_S

Work = Callable[[int, asyncio.Event], Awaitable[None]]


@asynccontextmanager
async def a_queue(resources: Resources, work: Work, *, slots: int, lease_s: float = 2) -> AsyncIterator[None]:
    """A worker's queue while the block runs; it has looked once when the block begins."""
    stopping, dsn = asyncio.Event(), resources.settings.database_dsn or ""
    async with asyncio.TaskGroup() as group:
        job = QueueJob(GENERATE, work, slots=slots)
        running = group.create_task(run_queue(dsn, [job], [], lease_s=lease_s, stopping=stopping))
        await asyncio.sleep(0.5)
        try:
            yield
        finally:
            stopping.set()
            await asyncio.wait({running}, timeout=REST_MAX_S)


async def queue_jobs(resources: Resources, *keys: int) -> None:
    async with resources.transaction() as session:
        for key in keys:
            await enqueue(session, GENERATE, key)


class TestTake:
    async def test_is_one_look_for_each_job_and_none_without_reason(
        self, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks, done = 0, asyncio.Semaphore(0)
        take = PatientQueries._take

        async def counted(*arguments: Any) -> Any:
            nonlocal looks
            looks += 1
            return await take(*arguments)

        async def work(_: int, __: asyncio.Event) -> None:
            done.release()

        monkeypatch.setattr(PatientQueries, "_take", counted)
        async with a_queue(resources, work, slots=10), asyncio.timeout(30):
            looks, began_s = 0, clock.monotonic_s()
            for key in range(10):
                await queue_jobs(resources, key)
                await done.acquire()
            took_s = clock.monotonic_s() - began_s

        assert 10 <= looks <= 12 + took_s / LOOK_EVERY_S

    async def test_of_a_full_worker_goes_on_as_soon_as_a_slot_is_free(self, resources: Resources) -> None:
        ended: list[float] = []

        async def work(_: int, __: asyncio.Event) -> None:
            await asyncio.sleep(0.05)
            ended.append(clock.monotonic_s())

        await queue_jobs(resources, *range(6))
        async with a_queue(resources, work, slots=1), asyncio.timeout(30):
            while len(ended) < 6:
                await asyncio.sleep(0.01)

        assert ended[-1] - ended[0] < 5 * LOOK_EVERY_S / 2

    async def test_of_two_workers_never_fills_more_slots_than_there_are(self, resources: Resources) -> None:
        running, most, done = 0, 0, 0

        async def work(_: int, __: asyncio.Event) -> None:
            nonlocal running, most, done
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1
            done += 1

        async with AsyncExitStack() as stack, asyncio.timeout(30):
            for _ in range(2):
                await stack.enter_async_context(a_queue(resources, work, slots=3, lease_s=30))
            await queue_jobs(resources, *range(40))
            while done < 40:
                await asyncio.sleep(0.01)

        assert (most, done) == (3, 40)

    async def test_takes_a_job_again_when_it_said_so(self, resources: Resources) -> None:
        runs: list[float] = []

        async def work(_: int, __: asyncio.Event) -> None:
            runs.append(clock.monotonic_s())
            if len(runs) == 1:
                raise RunAgainError(0.3)

        async with a_queue(resources, work, slots=1), asyncio.timeout(30):
            await queue_jobs(resources, 1)
            while len(runs) < 2:
                await asyncio.sleep(0.01)

        assert 0.3 <= runs[1] - runs[0] < LOOK_EVERY_S

    async def test_takes_over_what_a_dead_worker_left(self, resources: Resources) -> None:
        keys: list[int] = []

        async def work(key: int, _: asyncio.Event) -> None:
            keys.append(key)

        await queue_jobs(resources, 7)
        eyes = await asyncpg.connect(resources.settings.database_dsn)
        await eyes.execute("UPDATE pgqueuer SET status = 'picked', slot = 0, queue_manager_id = gen_random_uuid()")
        async with a_queue(resources, work, slots=1, lease_s=1), asyncio.timeout(30):
            assert keys == []
            await eyes.execute("UPDATE pgqueuer SET heartbeat = now() - interval '2 seconds'")
            while not keys:
                await asyncio.sleep(0.01)
        await eyes.close()

        assert keys == [7]


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
