"""The provider fails, refuses our key, or is unpaid: orders are refused before a hold, and the shop opens again by itself (P11)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from app.core.config import Settings
from app.domain.supply import service as supply
from app.domain.supply.jobs import watch_balance, wire_jobs
from app.provider import health
from app.provider.health import Trouble
from app.queue.taking import PatientQueries
from simulator.server import RunningSimulator
from tests import running
from tests.factories import Shop, an_order, changed, open_shop, written_log

BREAKER = "SELECT reason, opening FROM provider_health"


async def until_open(shop: Shop, reason: str | None) -> None:
    """Wait until the breaker is open for this reason (None: closed), and every process has noticed."""
    async with asyncio.timeout(20):
        while (row := await shop.eyes.fetchrow(BREAKER)) is None or row["reason"] != reason:
            await asyncio.sleep(0.05)
    await asyncio.sleep(supply.FRESH_S)


async def note(shop: Shop, trouble: Trouble | None, *, probe: int | None = None) -> None:
    async with shop.resources.transaction() as session:
        await supply.note(session, shop.settings, trouble, probe=probe, detail="test")


async def rows_of(shop: Shop) -> tuple[int, int]:
    """How many orders and transfers there are."""
    counts = "SELECT (SELECT count(*) FROM generation_requests), (SELECT count(*) FROM ledger_transfers)"
    orders, transfers = await shop.eyes.fetchrow(counts)
    return orders, transfers


async def refusal_of(shop: Shop, telegram_id: int, http: httpx2.AsyncClient | None = None) -> dict[str, Any]:
    """Order something that is refused before a hold; the problem."""
    before = await rows_of(shop)
    answer = await (http or shop.http).post("/generations/submit", json=an_order(telegram_id))
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable"), answer.text
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert await rows_of(shop) == before
    problem: dict[str, Any] = answer.json()
    return problem


async def provider_check(shop: Shop) -> dict[str, Any]:
    answer = (await shop.http.get("/ready")).json()
    check: dict[str, Any] = answer["checks"]["provider"]
    assert answer["status"] == ("ok" if check["ok"] and shop.settings.redis_url else "degraded")
    return check


async def repair(shop: Shop) -> None:
    (await shop.control.delete("/faults")).raise_for_status()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """API and worker are in this process: they cool down and look again sooner."""
    monkeypatch.setattr(health, "COOL_DOWN_S", 1.5)
    monkeypatch.setattr(supply, "FRESH_S", 0.1)


@pytest.fixture(params=["with redis", "without redis"])
async def both(request: pytest.FixtureRequest, settings: Settings, simulator: RunningSimulator) -> AsyncIterator[list[Shop]]:
    """Two APIs and a worker on one database."""
    if request.param == "without redis":
        settings = changed(settings, redis_url=None)
    async with AsyncExitStack() as stack:
        shops = [await stack.enter_async_context(open_shop(settings, simulator)) for _ in range(2)]
        await stack.enter_async_context(running.worker(settings))
        yield shops


class TestProviderThatFails:
    async def test_is_refused_by_every_process_and_taken_back_by_a_probe(self, both: list[Shop]) -> None:
        shop, other = both
        people = [await shop.rich_user(3) for _ in range(5)]
        late = await shop.rich_user(3)
        await shop.fault("submit_503_before_accept", times=None)
        for somebody in people:
            await shop.order(somebody)
        await until_open(shop, "failing")
        posts = len(await shop.submits_seen())

        problems = [await refusal_of(shop, late), await refusal_of(shop, late, other.http)]

        assert all("fails at the moment" in problem["detail"] for problem in problems)
        assert "failing" in (await provider_check(other))["detail"]
        assert await shop.balance(late) == (3, 0)
        assert len(await shop.submits_seen()) == posts == 5
        await repair(shop)
        first = await self.until_accepted(other, late)
        assert (await shop.follow(first, late))["status"] == "completed"
        await until_open(shop, None)
        assert (await provider_check(shop))["ok"]
        again = [await shop.order(await shop.rich_user(1)) for _ in range(3)]
        assert len(again) == 3
        await shop.check_books()

    async def until_accepted(self, shop: Shop, telegram_id: int) -> dict[str, Any]:
        """Order as a polite client does: again after Retry-After."""
        async with asyncio.timeout(20):
            while (answer := await shop.submit(telegram_id)).status_code == 503:
                await asyncio.sleep(int(answer.headers["Retry-After"]) / 4)
        assert answer.status_code == 202, answer.text
        request: dict[str, Any] = answer.json()["request"]
        return request

    async def test_gets_one_probe_from_all_that_wait_and_the_rest_when_it_worked(self, shop: Shop) -> None:
        people = [await shop.rich_user(1) for _ in range(6)]
        waiting = [await shop.order(somebody, prompt=f"for {somebody} [sim:delay=1]") for somebody in people]
        for _ in range(5):
            await note(shop, Trouble.FAILING)

        async with running.worker(shop.settings):
            async with asyncio.timeout(10):
                while not (seen := await shop.submits_seen()):
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
            assert await shop.submits_seen() == seen
            ends = await asyncio.gather(*(shop.follow(*each) for each in zip(waiting, people, strict=True)))

        assert len(seen) == 1
        assert {end["status"] for end in ends} == {"completed"}
        assert len(await shop.submits_seen()) == len(waiting)
        await shop.check_books()

    async def test_is_asked_at_once_by_an_order_that_was_just_being_put_off_when_it_came_back(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_back = PatientQueries.retry_job

        async def come_back_first(*arguments: Any) -> None:
            await note(shop, None, probe=1)
            await put_back(*arguments)

        monkeypatch.setattr(PatientQueries, "retry_job", come_back_first)
        await note(shop, Trouble.KEY_REFUSED)
        somebody = await shop.rich_user(1)
        await shop.eyes.execute("UPDATE provider_health SET order_at = now()")
        order = await shop.order(somebody)

        async with running.worker(shop.settings):
            seen = await shop.follow(order, somebody, within_s=health.KEY_COOL_DOWN_S / 10)

        assert seen["status"] == "completed"

    async def test_is_noted_after_what_matters_to_the_customer(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(1)
        await busy_shop.eyes.execute("INSERT INTO provider_health (provider, failures) VALUES ('wavespeed', 1)")

        async with busy_shop.eyes.transaction():
            await busy_shop.eyes.execute("SELECT FROM provider_health FOR UPDATE")
            seen = await busy_shop.follow(await busy_shop.order(somebody), somebody, within_s=3)

        assert seen["status"] == "completed"
        async with asyncio.timeout(10):
            while await busy_shop.eyes.fetchval("SELECT failures FROM provider_health"):
                await asyncio.sleep(0.05)

    async def test_is_not_one_order_whose_content_is_refused(self, busy_shop: Shop) -> None:
        for marker in ("submit_400", "fail=1200", "submit_404", "fail=5000", "submit_400", "submit_400", "submit_400"):
            somebody = await busy_shop.rich_user(1)
            await busy_shop.follow(await busy_shop.order(somebody, prompt=f"[sim:{marker}]"), somebody)

        assert await busy_shop.eyes.fetchval("SELECT count(*) FROM provider_health") == 0

    async def test_gives_the_first_answer_again_to_a_repeated_key(self, busy_shop: Shop) -> None:
        somebody, key = await busy_shop.rich_user(3), {"Idempotency-Key": "the-answer-that-was-lost"}
        accepted = await busy_shop.http.post("/generations/submit", json=an_order(somebody), headers=key)
        await busy_shop.follow(accepted.json()["request"], somebody)
        await busy_shop.fault("submit_401", times=1)
        await busy_shop.order(await busy_shop.rich_user(1))
        await until_open(busy_shop, "key_refused")
        await refusal_of(busy_shop, somebody)

        repeated = await busy_shop.http.post("/generations/submit", json=an_order(somebody), headers=key)

        assert (repeated.status_code, repeated.json()) == (202, accepted.json())


class TestRefusedKey:
    async def test_fails_one_order_and_refuses_the_others_until_the_balance_can_be_read(self, busy_shop: Shop) -> None:
        first, second = await busy_shop.rich_user(3), await busy_shop.rich_user(3)
        await busy_shop.fault("api_401", times=None)

        seen = await busy_shop.follow(await busy_shop.order(first), first)
        await until_open(busy_shop, "key_refused")
        problem = await refusal_of(busy_shop, second)
        await watch_balance(busy_shop.resources)  # still refused: nothing changes
        await refusal_of(busy_shop, second)

        assert (seen["error_code"], await busy_shop.balance(first)) == ("provider_refused", (3, 0))
        assert "key" in problem["detail"]
        await repair(busy_shop)
        await watch_balance(busy_shop.resources)
        await asyncio.sleep(supply.FRESH_S)
        assert (await busy_shop.follow(await busy_shop.order(second), second))["status"] == "completed"
        await until_open(busy_shop, None)
        await busy_shop.check_books()


class TestEmptyAccount:
    async def put_balance(self, shop: Shop, usd: float) -> None:
        (await shop.control.put("/config", json={"balance": usd})).raise_for_status()

    async def test_puts_the_order_back_in_line_and_refuses_new_ones_until_it_is_topped_up(self, busy_shop: Shop) -> None:
        first, second = await busy_shop.rich_user(3), await busy_shop.rich_user(3)
        await self.put_balance(busy_shop, 0.01)

        generation = await busy_shop.order(first)
        await until_open(busy_shop, "out_of_credit")
        problem = await refusal_of(busy_shop, second)

        assert "account" in problem["detail"]
        assert await busy_shop.balance(first) == (2, 1)
        assert await busy_shop.eyes.fetchval("SELECT balance_usd FROM provider_health") == 0.01
        await self.put_balance(busy_shop, 20)
        await watch_balance(busy_shop.resources)
        assert (await busy_shop.follow(generation, first, within_s=10))["status"] == "completed"
        await until_open(busy_shop, None)
        await busy_shop.follow(await busy_shop.order(second), second)
        assert (await busy_shop.balance(first), await busy_shop.balance(second)) == ((2, 0), (2, 0))
        await busy_shop.check_books()

    async def test_is_foreseen_when_the_balance_is_low(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        await self.put_balance(shop, 0.49)
        (watch,) = wire_jobs(shop.resources)

        with written_log() as log:
            await watch.work()
            await watch.work()
        problem = await refusal_of(shop, somebody)

        assert log.getvalue().count("provider_balance_low") == 1
        assert "nearly empty" in problem["detail"]
        assert (await provider_check(shop))["detail"] == "its balance is 0.49 USD, orders need 0.50"
        await self.put_balance(shop, 0.5)
        await watch.work()
        await asyncio.sleep(supply.FRESH_S)
        await shop.order(somebody)
        await shop.check_books()

    async def test_that_cannot_be_read_refuses_nothing(self, shop: Shop) -> None:
        await shop.fault("api_500", times=None)

        with written_log() as log:
            await watch_balance(shop.resources)

        assert "provider_balance_unreadable" in log.getvalue()
        await shop.order(await shop.rich_user(1))

    async def test_that_was_low_five_minutes_ago_refuses_nothing(self, shop: Shop) -> None:
        await self.put_balance(shop, 0.1)
        await watch_balance(shop.resources)
        await shop.eyes.execute("UPDATE provider_health SET balance_read_at = now() - interval '301 seconds'")

        await shop.order(await shop.rich_user(1))

    async def test_is_seen_by_a_poll_too(self, settings: Settings, simulator: RunningSimulator) -> None:
        polling = changed(settings, wavespeed_sync_mode=False, generation_deadline_seconds=8)
        async with open_shop(polling, simulator) as shop, running.worker(shop.settings):
            somebody = await shop.rich_user(3)
            generation = await shop.order(somebody, prompt="[sim:fail=1407]")
            await until_open(shop, "out_of_credit")

            seen = await shop.follow(generation, somebody, within_s=30)

            assert (seen["error_code"], await shop.balance(somebody)) == ("deadline_exceeded", (3, 0))
            await shop.check_books()
