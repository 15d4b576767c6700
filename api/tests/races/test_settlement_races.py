"""Many who want to end one generation, at once: it ends once, and its credits move once."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest

from app.core.config import Settings
from app.domain.generations import attempt_queries, attempts, settlement
from app.domain.generations.rules import FailureCode
from app.domain.ledger import service as ledger
from app.domain.ledger.errors import HoldEndedError
from app.domain.ledger.schemas import Memo
from app.provider.wire import Task, TaskState
from app.resources import Resources
from simulator.server import RunningSimulator
from tests import running
from tests.factories import Shop, changed, open_shop, provider_log

REFRESHES = 20
PICTURE = Task("task-of-nobody", TaskState.COMPLETED, "completed", ("https://example.com/picture.png",), None, "")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, wavespeed_sync_mode=False)


async def a_sent_order(shop: Shop, telegram_id: int, prompt: str) -> dict[str, Any]:
    """A generation that is at the provider, and no worker that follows it."""
    async with running.worker(shop.settings), asyncio.timeout(10):
        generation = await shop.order(telegram_id, prompt=prompt)
        while await shop.eyes.fetchval("SELECT max(state) FROM generation_jobs") != "submitted":
            await asyncio.sleep(0.02)
    return generation


async def refresh(shop: Shop, generation: dict[str, Any], telegram_id: int) -> httpx2.Response:
    return await shop.http.post(f"/generations/{generation['id']}/refresh", json={"telegram_id": telegram_id})


async def ends(shop: Shop) -> Counter[str]:
    """The transfers that ended a hold, by kind."""
    rows = await shop.eyes.fetch("SELECT entry_type FROM ledger_transfers WHERE hold_id IS NOT NULL")
    return Counter(row["entry_type"] for row in rows)


class TestRefresh:
    @pytest.mark.case(7)
    @pytest.mark.parametrize(
        ("marker", "end", "credits_left"),
        [("[sim:fail=1405]", "generation_release", 3), ("", "generation_capture", 2)],
        ids=["failing", "completing"],
    )
    async def test_twenty_in_two_apis_end_it_once(
        self, settings: Settings, simulator: RunningSimulator, marker: str, end: str, credits_left: int
    ) -> None:
        async with open_shop(settings, simulator) as shop, open_shop(settings, simulator) as other:
            somebody = await shop.rich_user(3)
            generation = await a_sent_order(shop, somebody, f"refreshed [sim:delay=0.4] {marker}")
            await asyncio.sleep(0.5)
            asked_before = len(await provider_log(simulator, "GET"))

            answers = await asyncio.gather(
                *(refresh((shop, other)[number % 2], generation, somebody) for number in range(REFRESHES))
            )

            assert {answer.status_code for answer in answers} == {200}
            assert {answer.json()["status"] for answer in answers} <= {"completed", "failed"}
            assert len(await provider_log(simulator, "GET")) - asked_before <= 3
            assert await ends(shop) == {end: 1}
            assert await shop.balance(somebody) == (credits_left, 0)
            await shop.check_books()

    async def test_and_the_worker_end_it_once_together(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        async with running.worker(shop.settings):
            generation = await shop.order(somebody, prompt="both [sim:delay=0.5]")
            async with asyncio.timeout(10):
                seen = {"running"}
                while not seen & {"completed", "failed"}:
                    answers = await asyncio.gather(*(refresh(shop, generation, somebody) for _ in range(5)))
                    seen = {answer.json()["status"] for answer in answers}

        assert await ends(shop) == {"generation_capture": 1}
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_results") == 1
        assert await shop.balance(somebody) == (2, 0)
        await shop.check_books()


class TestSettlement:
    async def test_a_picture_and_a_failure_at_once_are_one_end(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await a_sent_order(shop, somebody, "contested [sim:stuck]")

        async def end(number: int) -> bool:
            async with shop.resources.transaction() as session:
                attempt = await attempt_queries.lock_live_attempt(session, generation["id"])
                if attempt is None:
                    return False
                if number % 2:
                    return await settlement.settle(session, attempt, PICTURE)
                return await settlement.fail(session, attempt, FailureCode.PROVIDER_LOST, reason="a test")

        ended = await asyncio.gather(*(end(number) for number in range(REFRESHES)))

        assert Counter(ended) == {True: 1, False: REFRESHES - 1}
        assert sum((await ends(shop)).values()) == 1
        await shop.check_books()

    async def test_one_that_read_the_attempt_before_another_claimed_it_writes_nothing(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await a_sent_order(shop, somebody, "claimed [sim:stuck]")
        async with shop.resources.transaction() as session:
            stale = await attempt_queries.lock_live_attempt(session, generation["id"])
            assert stale is not None
            assert await attempt_queries.mark_attempt(session, stale, stale.state, next_epoch=True)

        async with shop.resources.transaction() as session:
            assert not await settlement.settle(session, stale, PICTURE)
        async with shop.resources.transaction() as session:
            assert not await settlement.fail(session, stale, FailureCode.PROVIDER_LOST, reason="a test")

        assert await ends(shop) == {}
        assert await shop.balance(somebody) == (2, 1)
        await shop.check_books()


class TestHold:
    async def test_capture_and_release_at_once_are_one_end(self, shop: Shop, resources: Resources) -> None:
        somebody = await shop.rich_user(3)
        user_id = await shop.eyes.fetchval("SELECT id FROM users WHERE telegram_id = $1", somebody)
        async with resources.transaction() as session:
            hold_id = await ledger.hold(session, user_id=user_id, amount=2, memo=Memo(None, "a test"))

        async def end(move: Any) -> bool:
            try:
                async with resources.transaction() as session:
                    await move(session, hold_id=hold_id, memo=Memo(None, "a test"))
            except HoldEndedError:
                return False
            return True

        ended = await asyncio.gather(*(end(move) for _ in range(10) for move in (ledger.capture, ledger.release)))

        assert Counter(ended) == {True: 1, False: 19}
        assert sum((await ends(shop)).values()) == 1
        assert (await shop.balance(somebody))[0] in {1, 3}

    async def test_two_holds_of_the_last_credit_are_one(self, shop: Shop, resources: Resources) -> None:
        somebody = await shop.rich_user(1)
        user_id = await shop.eyes.fetchval("SELECT id FROM users WHERE telegram_id = $1", somebody)

        async def hold() -> int:
            async with resources.transaction() as session:
                return await ledger.hold(session, user_id=user_id, amount=1, memo=Memo(None, "a test"))

        held = await asyncio.gather(*(hold() for _ in range(20)), return_exceptions=True)

        assert Counter(isinstance(hold_id, int) for hold_id in held) == {True: 1, False: 19}
        assert {getattr(error, "code", "") for error in held if not isinstance(error, int)} == {"insufficient_credits"}
        assert await shop.balance(somebody) == (0, 1)


class TestAccept:
    """What a worker writes when the provider has taken its order."""

    async def test_written_twice_is_written_once_and_still_ours(self, shop: Shop) -> None:
        claim = await self._claim(shop, await shop.order(await shop.rich_user(1)))

        assert [await self._accept(shop, claim, "the-task") for _ in range(2)] == [True, True]

    async def test_after_a_takeover_writes_nothing(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(1))
        claim = await self._claim(shop, generation)
        await self._claim(shop, generation)
        before = await shop.eyes.fetchrow("SELECT * FROM generation_jobs")

        assert not await self._accept(shop, claim, "the-task")

        assert await shop.eyes.fetchrow("SELECT * FROM generation_jobs") == before

    async def test_after_the_end_writes_nothing(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(1))
        claim = await self._claim(shop, generation)
        async with shop.resources.transaction() as session:
            assert await settlement.fail(session, claim.attempt, FailureCode.DEADLINE_EXCEEDED, reason="a test")
        before = await shop.eyes.fetchrow("SELECT * FROM generation_jobs")

        assert not await self._accept(shop, claim, "the-task")

        assert await shop.eyes.fetchrow("SELECT * FROM generation_jobs") == before
        await shop.check_books()

    async def _claim(self, shop: Shop, generation: dict[str, Any]) -> attempts.Claim:
        async with shop.resources.transaction() as session:
            claim = await attempts.claim(session, generation["id"], is_sync=False)
        assert claim is not None
        return claim

    async def _accept(self, shop: Shop, claim: attempts.Claim, task_id: str) -> bool:
        task = Task(task_id, TaskState.PENDING, "created", (), None, "")
        async with shop.resources.transaction() as session:
            return await attempts.accept(session, claim.attempt, task)
