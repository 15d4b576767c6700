"""Two APIs that share nothing but the database and Valkey: one of them is a process of its own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from app.core.config import Settings
from app.embedded import ports
from simulator.server import RunningSimulator
from tests import running
from tests.cli.program import program
from tests.factories import NO_TLS, Shop, changed, new_telegram_id, open_shop
from tests.programs import START_TIMEOUT_S

AT_ONCE = 50
REFRESHES = 20


async def until_it_answers(url: str) -> None:
    async with httpx2.AsyncClient(base_url=url, verify=NO_TLS) as anybody, asyncio.timeout(START_TIMEOUT_S):
        while True:
            try:
                if (await anybody.get("/api/v1/ready")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)


@pytest.fixture
async def shops(settings: Settings, simulator: RunningSimulator, tmp_path: Path) -> AsyncIterator[list[Shop]]:
    """The same shop through an API here and through an API in another process; both ask for tasks without holding the line."""
    here = changed(settings, wavespeed_sync_mode=False)
    there = changed(here, port=ports.free_ports(1)[0])
    async with AsyncExitStack() as stack:
        stack.enter_context(program(there, tmp_path / "api", "api"))
        url = f"http://{there.host}:{there.port}"
        await until_it_answers(url)
        yield [
            await stack.enter_async_context(open_shop(here, simulator)),
            await stack.enter_async_context(Shop.open(url, there, simulator)),
        ]


class TestTwoProcesses:
    @pytest.mark.case(21)
    async def test_refuse_the_second_order_equally(self, shops: list[Shop]) -> None:
        for somebody in (await shops[0].rich_user(10), new_telegram_id()):
            answers = await asyncio.gather(*(shops[number % 2].submit(somebody) for number in range(AT_ONCE)))

            assert Counter(answer.status_code for answer in answers) == {202: 1, 409: AT_ONCE - 1}
            (accepted,) = [answer.json()["request"] for answer in answers if answer.status_code == 202]
            told = [answer.json() for answer in answers if answer.status_code == 409]
            assert {problem["active_public_id"] for problem in told} == {accepted["public_id"]}
        await shops[0].check_books()

    @pytest.mark.case(7)
    async def test_refresh_a_failing_order_twenty_times_and_release_it_once(self, shops: list[Shop]) -> None:
        here, _ = shops
        somebody = await here.rich_user(3)
        # The worker only sends it: nobody but the refreshes learns of its end.
        async with running.worker(here.settings), asyncio.timeout(10):
            generation = await here.order(somebody, prompt="failing [sim:delay=0.5] [sim:fail=1405]")
            while await here.eyes.fetchval("SELECT max(state) FROM generation_jobs") != "submitted":
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.6)

        path, owner = f"/generations/{generation['id']}/refresh", {"telegram_id": somebody}
        answers = await asyncio.gather(*(shops[number % 2].http.post(path, json=owner) for number in range(REFRESHES)))

        assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "failed")}
        ends = await here.eyes.fetch("SELECT entry_type FROM ledger_transfers WHERE hold_id IS NOT NULL")
        assert [row["entry_type"] for row in ends] == ["generation_release"]
        assert await here.balance(somebody) == (3, 0)
        await here.check_books()

    async def test_hand_out_each_delivery_and_each_recipient_once(self, shops: list[Shop]) -> None:
        here, _ = shops
        ended = [(await here.cancelled())["id"] for _ in range(12)]
        claims = await asyncio.gather(*(shops[number % 2].claim(3) for number in range(20)))
        items = [item for claim in claims for item in claim]

        assert Counter(item["generation"]["id"] for item in items) == Counter(ended)
        assert {(item["epoch"], item["attempt"]) for item in items} == {(1, 1)}

        await here.eyes.execute("INSERT INTO users (telegram_id) SELECT generate_series(1, 60)")
        answer = await here.http.post("/admin/broadcasts", json={"text": "hello"}, headers={"Idempotency-Key": "hello"})
        path = f"/admin/broadcasts/{answer.json()['id']}/claim"
        handed = await asyncio.gather(*(shops[number % 2].http.post(path, json={"limit": 5}) for number in range(20)))
        told = Counter(telegram_id for claim in handed for telegram_id in claim.json()["items"])

        assert len(told) == answer.json()["total"] == 72
        assert set(told.values()) == {1}
        await here.check_books()
