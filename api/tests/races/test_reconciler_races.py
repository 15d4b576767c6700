"""The reconciler beside everybody else who may give an attempt its task: each attempt has one, each task belongs to one."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from app.core.config import Settings
from app.core.errors import ServiceUnavailableError
from app.domain.generations import attempts, callbacks, lost_queries
from app.domain.generations.attempts import Claim
from app.domain.generations.reconciliation import reconcile
from app.provider.errors import UnknownError
from app.provider.wire import Task, TaskState
from app.queue.worker import ScheduledJob, run_queue
from tests import running
from tests.factories import Shop, changed, provider_log

SAME = "the same door for everybody"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, wavespeed_sync_mode=False)


async def send(shop: Shop) -> tuple[Claim, Task | None]:
    """Somebody's order of the same picture, sent; None when its answer was lost."""
    generation = await shop.order(await shop.rich_user(2), prompt=SAME)
    async with shop.resources.transaction() as session:
        claim = await attempts.claim(session, generation["id"], is_sync=False)
    assert claim is not None
    assert claim.order is not None
    assert shop.resources.provider is not None
    try:
        return claim, await shop.resources.provider.submit(claim.order)
    except UnknownError as error:
        async with shop.resources.transaction() as session:
            await attempts.lose(session, claim.attempt, reason=error.reason)
        return claim, None


async def send_and_lose(shop: Shop, count: int, kind: str = "submit_cut_after_accept") -> list[Claim]:
    await shop.fault(kind, times=count)
    return [(await send(shop))[0] for _ in range(count)]


async def accept(shop: Shop, claim: Claim, task: Task) -> bool:
    """As the worker does it: once more when somebody else was writing the same."""
    try:
        async with shop.resources.transaction() as session:
            return await attempts.accept(session, claim.attempt, task)
    except ServiceUnavailableError:
        async with shop.resources.transaction() as session:
            return await attempts.accept(session, claim.attempt, task)


async def rows(shop: Shop) -> list[asyncpg.Record]:
    return await shop.eyes.fetch("SELECT id, state, provider_job_id FROM generation_jobs ORDER BY id")


async def task_ids(shop: Shop) -> list[str]:
    found: list[dict[str, Any]] = (await shop.control.get("/predictions", params={"prompt": SAME})).json()["predictions"]
    return [task["id"] for task in found if not task["is_deleted"]]


class TestReconcilers:
    async def test_at_once_give_each_attempt_one_task(self, shop: Shop) -> None:
        await send_and_lose(shop, 4)

        await asyncio.gather(*(reconcile(shop.resources) for _ in range(6)))

        bound = [row["provider_job_id"] for row in await rows(shop)]
        assert sorted(bound) == sorted(await task_ids(shop))
        await shop.check_books()


class TestReconcilerAndAccept:
    async def test_at_once_are_one_task_each(self, shop: Shop) -> None:
        await send_and_lose(shop, 3, "submit_cut_before_accept")
        answered = [await send(shop) for _ in range(3)]

        await asyncio.gather(
            *(accept(shop, claim, task) for claim, task in answered if task is not None),
            *(reconcile(shop.resources) for _ in range(4)),
        )

        assert [row["provider_job_id"] for row in await rows(shop)] == [None] * 3 + [
            task.id for _, task in answered if task is not None
        ]
        await shop.check_books()

    @pytest.mark.parametrize("outputs", [(), ("https://example.com/picture.png",)], ids=["working", "done"])
    async def test_a_task_that_was_given_away_leaves_its_attempt_unknown(self, shop: Shop, outputs: tuple[str, ...]) -> None:
        (lost,) = await send_and_lose(shop, 1, "submit_cut_before_accept")
        claim, task = await send(shop)
        assert task is not None
        task = replace(task, state=TaskState.COMPLETED if outputs else task.state, outputs=outputs)
        async with shop.resources.transaction() as session:
            assert await lost_queries.bind_tasks(session, [(lost.attempt.id, task.id)])

        assert not await accept(shop, claim, task)

        assert [tuple(row)[1:] for row in await rows(shop)] == [("unknown", task.id), ("unknown", None)]

    @pytest.mark.parametrize("outputs", [(), ("https://example.com/picture.png",)], ids=["working", "done"])
    async def test_a_task_that_is_being_given_away_leaves_its_attempt_unknown(self, shop: Shop, outputs: tuple[str, ...]) -> None:
        (lost,) = await send_and_lose(shop, 1, "submit_cut_before_accept")
        claim, task = await send(shop)
        assert task is not None
        task = replace(task, state=TaskState.COMPLETED if outputs else task.state, outputs=outputs)
        async with shop.resources.transaction() as session:
            assert await lost_queries.bind_tasks(session, [(lost.attempt.id, task.id)])
            accepting = asyncio.gather(accept(shop, claim, task))
            await asyncio.sleep(0.2)
            assert not accepting.done()

        assert await accepting == [False]
        assert [tuple(row)[1:] for row in await rows(shop)] == [("unknown", task.id), ("unknown", None)]


class TestReconcilerAndWebhook:
    async def test_at_once_give_each_attempt_one_task(self, shop: Shop) -> None:
        lost = await send_and_lose(shop, 4)
        ids = await task_ids(shop)

        async def call_back() -> None:
            for claim, task_id in zip(lost, ids, strict=True):
                await callbacks._wake(shop.resources, claim.attempt.token, task_id)

        await asyncio.gather(call_back(), *(reconcile(shop.resources) for _ in range(4)), call_back())
        await shop.eyes.execute("UPDATE generation_jobs SET look_again_at = now() WHERE look_again_at IS NOT NULL")
        await reconcile(shop.resources)

        assert sorted(row["provider_job_id"] for row in await rows(shop)) == sorted(ids)
        await shop.check_books()


class TestSchedules:
    async def test_run_once_over_two_workers(self, shop: Shop) -> None:
        ran: list[str] = []
        stopping = asyncio.Event()

        async def work(name: str) -> None:
            ran.append(name)

        def queue(worker: str) -> Any:
            async def note() -> None:
                await work(worker)

            dsn = str(shop.settings.database_dsn)
            return run_queue(dsn, [], [ScheduledJob("each_second", "* * * * * *", note)], lease_s=5, stopping=stopping)

        async with asyncio.TaskGroup() as group:
            for worker in ("one", "other"):
                group.create_task(queue(worker))
            await asyncio.sleep(4)
            stopping.set()

        assert 1 <= len(ran) <= 5


class TestStop:
    async def test_does_not_wait_for_a_history_that_is_slow(self, shop: Shop) -> None:
        await send_and_lose(shop, 1)
        await shop.fault("history_slow", seconds=20)
        async with running.worker(shop.settings) as stopping:
            async with asyncio.timeout(15):
                while not any(entry["path"] == "/api/v3/predictions" for entry in await provider_log(shop.simulator, "POST")):
                    await asyncio.sleep(0.05)
            stopping.set()
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 8
        assert [tuple(row)[1:] for row in await rows(shop)] == [("unknown", None)]


class TestTwoWorkers:
    async def test_complete_what_two_people_lost_with_the_same_words(self, shop: Shop) -> None:
        await shop.fault("submit_cut_after_accept", times=2)
        people = [await shop.rich_user(2) for _ in range(2)]
        async with running.worker(shop.settings), running.worker(shop.settings):
            orders = [await shop.order(person, prompt=SAME) for person in people]
            ends = [await shop.follow(one, person, within_s=25) for one, person in zip(orders, people, strict=True)]

        assert [end["status"] for end in ends] == ["completed"] * 2
        assert [await shop.balance(person) for person in people] == [(1, 0)] * 2
        assert len(await shop.submits_seen()) == 2
        assert len({row["provider_job_id"] for row in await rows(shop)}) == 2
        await shop.check_books()
