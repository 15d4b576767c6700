"""The provider's webhooks from end to end: they wake the job, which asks the provider and settles by the usual path.

The worker polls every 30 seconds here and orders are not in sync mode, so what ends quickly ended because of its webhook.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from app.core.config import Settings
from app.provider.signature import sign
from simulator.server import RunningSimulator
from simulator.settings import DEFAULT_WEBHOOK_SECRET
from tests import running
from tests.factories import NO_TLS, Shop, changed

QUICK_S = 8
NOBODY = "018f0000-0000-7000-8000-000000000000"


@asynccontextmanager
async def open_hooked_shop(settings: Settings, simulator: RunningSimulator, **more: Any) -> AsyncIterator[Shop]:
    """An API that the provider can call back."""
    listener = running.a_listener()
    hooked = changed(
        settings,
        public_base_url=running.address_of(listener),
        wavespeed_webhook_secret=DEFAULT_WEBHOOK_SECRET,
        wavespeed_poll_interval_seconds=30,
        **{"wavespeed_sync_mode": False} | more,
    )
    async with running.api(hooked, listener) as base_url, Shop.open(base_url, hooked, simulator) as shop:
        yield shop


@pytest.fixture
async def hooked(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """Without a worker."""
    async with open_hooked_shop(settings, simulator) as shop:
        yield shop


@pytest.fixture
async def busy(hooked: Shop) -> AsyncIterator[Shop]:
    """With one worker."""
    async with running.worker(hooked.settings):
        yield hooked


async def token_of(shop: Shop, generation: dict[str, Any]) -> str:
    return str(await shop.eyes.fetchval("SELECT token FROM generation_jobs WHERE generation_id = $1", generation["id"]))


async def task_of(shop: Shop, generation: dict[str, Any], *, ended: bool = True) -> dict[str, Any]:
    """The provider's own view of the generation's only task, once it is there (and has ended)."""
    async with asyncio.timeout(QUICK_S):
        while True:
            found = (await shop.control.get("/predictions", params={"prompt": generation["prompt"]})).json()["predictions"]
            if found and (not ended or found[-1]["finished_at"]):
                assert len(found) == 1
                task: dict[str, Any] = found[0]
                return task
            await asyncio.sleep(0.02)


async def call_back(shop: Shop, token: str, payload: dict[str, Any] | bytes, *, at_s: float = 0, **headers: str) -> httpx2.Response:
    """What the provider sends, signed by its secret; `headers` replace its own."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    timestamp = str(int(time.time() + at_s))
    signed = {
        "webhook-id": "evt",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(DEFAULT_WEBHOOK_SECRET, "evt", timestamp, body),
    }
    async with httpx2.AsyncClient(base_url=shop.base_url, headers=signed | headers, verify=NO_TLS) as anybody:
        return await anybody.post(f"/api/v1/webhooks/wavespeed/{token}", content=body)


async def snapshot(shop: Shop, *more: str) -> dict[str, list[Any]]:
    """Everything that a webhook must not move."""
    tables = ("ledger_entries", "generation_requests", "generation_results", "generation_jobs", "trial_uses", *more)
    return {table: [tuple(row) for row in await shop.eyes.fetch(f"SELECT * FROM {table} ORDER BY id")] for table in tables}  # noqa: S608 - our names


async def until_state(shop: Shop, generation: dict[str, Any], state: str) -> None:
    sql = "SELECT state FROM generation_jobs WHERE generation_id = $1"
    async with asyncio.timeout(QUICK_S):
        while await shop.eyes.fetchval(sql, generation["id"]) != state:
            await asyncio.sleep(0.02)


class TestWebhook:
    async def test_ends_a_generation_at_once(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="a hooked door")

        seen = await busy.follow(generation, somebody, within_s=QUICK_S)

        assert seen["status"] == "completed"
        assert await busy.balance(somebody) == (4, 0)
        deliveries = (await task_of(busy, generation))["deliveries"]
        assert [delivery["status"] for delivery in deliveries] == [200]
        await busy.check_books()

    async def test_of_a_failure_gives_the_credit_back(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="a bad door [sim:fail=1200]")

        seen = await busy.follow(generation, somebody, within_s=QUICK_S)

        assert (seen["status"], seen["error_code"]) == ("failed", "content_refused")
        assert await busy.balance(somebody) == (5, 0)
        await busy.check_books()

    async def test_goes_to_the_address_of_the_attempt(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="an addressed door")
        await busy.follow(generation, somebody, within_s=QUICK_S)

        task, token = await task_of(busy, generation), await token_of(busy, generation)

        assert task["webhook"] == f"{busy.base_url}/api/v1/webhooks/wavespeed/{token}"
        [submit] = await busy.submits_seen()
        assert submit["query"] == f"webhook={quote(task['webhook'], safe='')}"

    async def test_is_believed_in_nothing_but_the_time(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="a slandered door [sim:webhook_wrong_status=failed]")
        assert (await busy.follow(generation, somebody, within_s=QUICK_S))["status"] == "completed"
        await busy.check_books()

    async def test_with_a_torn_body_wakes_all_the_same(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="a torn door [sim:webhook_garbage]")
        assert (await busy.follow(generation, somebody, within_s=QUICK_S))["status"] == "completed"

    async def test_of_a_sync_order_does_no_harm(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_hooked_shop(settings, simulator, wavespeed_sync_mode=True) as shop, running.worker(shop.settings):
            somebody = await shop.rich_user(5)
            generation = await shop.order(somebody, prompt="a synchronous door")
            assert (await shop.follow(generation, somebody, within_s=QUICK_S))["status"] == "completed"
            assert await shop.balance(somebody) == (4, 0)
            await shop.check_books()


class TestLostAnswer:
    @pytest.mark.parametrize("is_sync", [False, True])
    async def test_is_found_by_the_webhook(self, settings: Settings, simulator: RunningSimulator, is_sync: bool) -> None:
        async with open_hooked_shop(settings, simulator, wavespeed_sync_mode=is_sync) as shop, running.worker(shop.settings):
            somebody = await shop.rich_user(5)
            generation = await shop.order(somebody, prompt="a lost door [sim:submit_cut_after_accept] [sim:webhook_late=0.5]")

            seen = await shop.follow(generation, somebody, within_s=QUICK_S)

            assert seen["status"] == "completed"
            assert await shop.balance(somebody) == (4, 0)
            assert len(await shop.submits_seen()) == 1
            await shop.check_books()

    async def test_that_the_webhook_outruns_is_found_as_well(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        await busy.fault("submit_504_after_accept", seconds=1)
        generation = await busy.order(somebody, prompt="an outrun door")

        seen = await busy.follow(generation, somebody, within_s=QUICK_S)

        assert seen["status"] == "completed"
        assert len(await busy.submits_seen()) == 1
        await busy.check_books()

    async def test_is_not_bound_to_the_task_of_another_attempt(self, busy: Shop) -> None:
        first, second = await busy.rich_user(5), await busy.rich_user(5)
        done = await busy.order(first, prompt="a first door")
        await busy.follow(done, first, within_s=QUICK_S)
        await busy.fault("submit_cut_after_accept")
        lost = await busy.order(second, prompt="a second door [sim:webhook_never]")
        await task_of(busy, lost)
        await until_state(busy, lost, "unknown")

        taken = (await task_of(busy, done))["id"]
        assert (await call_back(busy, await token_of(busy, lost), {"id": taken})).status_code == 200

        row = await busy.eyes.fetchrow("SELECT state, provider_job_id FROM generation_jobs WHERE generation_id = $1", lost["id"])
        assert tuple(row) == ("unknown", None)
        await busy.check_books()


@pytest.mark.case(15)
class TestReplay:
    async def test_a_hundred_times_changes_nothing(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="a replayed door [sim:webhook_duplicate=5]")
        await busy.follow(generation, somebody, within_s=QUICK_S)
        token, task = await token_of(busy, generation), await task_of(busy, generation)
        before = await snapshot(busy)

        answers = await asyncio.gather(*(call_back(busy, token, {"id": task["id"], "status": "completed"}) for _ in range(100)))

        assert {answer.status_code for answer in answers} == {200}
        await asyncio.sleep(0.3)
        assert await snapshot(busy) == before
        await busy.check_books()

    async def test_a_hundred_times_while_it_runs_is_one_capture(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="an awaited door [sim:delay=1] [sim:webhook_never]")
        task = await task_of(busy, generation, ended=False)
        token = await token_of(busy, generation)

        async def insist() -> None:
            for _ in range(20):
                assert (await call_back(busy, token, {"id": task["id"]})).status_code == 200
                await asyncio.sleep(0.1)

        await asyncio.gather(*(insist() for _ in range(5)))
        assert (await busy.follow(generation, somebody, within_s=QUICK_S))["status"] == "completed"
        assert await busy.balance(somebody) == (4, 0)
        await busy.check_books()

    @pytest.mark.parametrize("at_s", [-600, 600])
    async def test_after_ten_minutes_is_refused(self, hooked: Shop, at_s: float) -> None:
        generation = await hooked.order(await hooked.rich_user(5))
        before = await snapshot(hooked)
        answer = await call_back(hooked, await token_of(hooked, generation), {"id": "x"}, at_s=at_s)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
        assert await snapshot(hooked) == before


@pytest.mark.case(16)
class TestForgery:
    async def test_right_token_and_wrong_signature_moves_nothing(self, busy: Shop) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt="a forged door [sim:webhook_never] [sim:stuck]")
        await task_of(busy, generation, ended=False)
        token = await token_of(busy, generation)
        await until_state(busy, generation, "submitted")
        before, reads = await snapshot(busy), (await task_of(busy, generation, ended=False))["reads"]

        forged = {"webhook-signature": sign("whsec_another-secret-of-somebody", "evt", str(int(time.time())), b"{}")}
        for headers in (forged, {"webhook-signature": ""}, {"webhook-signature": "v3," + "0" * 64}):
            answer = await call_back(busy, token, {"id": "x", "status": "completed"}, **headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")

        await asyncio.sleep(0.3)
        assert await snapshot(busy) == before
        assert (await task_of(busy, generation, ended=False))["reads"] == reads

    @pytest.mark.parametrize("token", [NOBODY, "x", "1", "018f", "' OR 1=1 --"])
    async def test_right_signature_and_unknown_task_is_not_found(self, hooked: Shop, token: str) -> None:
        await hooked.order(await hooked.rich_user(5))
        before = await snapshot(hooked, "pgqueuer")
        answer = await call_back(hooked, token, {"id": "x" * 32, "status": "completed"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert await snapshot(hooked, "pgqueuer") == before

    @pytest.mark.parametrize("fault", ["webhook_bad_signature", "webhook_unsigned", "webhook_stale_timestamp"])
    async def test_by_the_simulator_is_refused(self, busy: Shop, fault: str) -> None:
        somebody = await busy.rich_user(5)
        generation = await busy.order(somebody, prompt=f"a door [sim:{fault}]")
        task = await task_of(busy, generation)
        async with asyncio.timeout(QUICK_S):
            while len((await task_of(busy, generation))["deliveries"]) < 4:
                await asyncio.sleep(0.02)
        task = await task_of(busy, generation)
        assert [delivery["status"] for delivery in task["deliveries"]] == [401, 401, 401, 401]
        assert task["reads"] == 0
        assert await busy.balance(somebody) == (4, 1)


class TestWithoutWorker:
    async def test_no_money_moves(self, hooked: Shop) -> None:
        somebody = await hooked.rich_user(5)
        async with running.worker(hooked.settings):
            generation = await hooked.order(somebody, prompt="a waiting door [sim:delay=2] [sim:webhook_never]")
            await until_state(hooked, generation, "submitted")
        task = await task_of(hooked, generation)
        before = await snapshot(hooked)

        answer = await call_back(hooked, await token_of(hooked, generation), {"id": task["id"], "status": "completed"})

        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert await snapshot(hooked) == before
        assert await hooked.balance(somebody) == (4, 1)
        async with running.worker(hooked.settings):
            assert (await hooked.follow(generation, somebody, within_s=QUICK_S))["status"] == "completed"
        assert await hooked.balance(somebody) == (4, 0)
        await hooked.check_books()

    async def test_an_order_that_was_not_sent_yet_is_not_hastened(self, hooked: Shop) -> None:
        generation = await hooked.order(await hooked.rich_user(5))
        before = await snapshot(hooked, "pgqueuer")
        assert (await call_back(hooked, await token_of(hooked, generation), {"id": "x" * 32})).status_code == 200
        assert await snapshot(hooked, "pgqueuer") == before
