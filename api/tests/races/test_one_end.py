"""Everybody who may notice that a job has ended notices it at the same moment: it ends once (P1, P8)."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator

import httpx2
import pytest

from app.core.config import Settings
from app.provider.signature import sign
from simulator.server import RunningSimulator
from simulator.settings import DEFAULT_WEBHOOK_SECRET
from tests import running
from tests.factories import FINAL, NO_TLS, Shop, changed

WEBHOOKS = 10
REFRESHERS = 5
DELAY_S = 0.6


@pytest.fixture
async def shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """One that the provider can call back, with a worker that polls all the time."""
    listener = running.a_listener()
    hooked = changed(
        settings,
        public_base_url=running.address_of(listener),
        wavespeed_webhook_secret=DEFAULT_WEBHOOK_SECRET,
        wavespeed_sync_mode=False,
    )
    async with running.api(hooked, listener) as base_url, Shop.open(base_url, hooked, simulator) as shop, running.worker(hooked):
        yield shop


class TestOneEnd:
    @pytest.mark.case(5)
    @pytest.mark.parametrize(
        ("marker", "status", "move", "credits_left"),
        [("", "completed", "generation_capture", 2), ("[sim:fail=1200]", "failed", "generation_release", 3)],
        ids=["a picture", "a failure"],
    )
    async def test_of_ten_webhooks_the_poll_and_refreshes_together(
        self, shop: Shop, marker: str, status: str, move: str, credits_left: int
    ) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody, prompt=f"watched [sim:delay={DELAY_S}] [sim:webhook_never] {marker}")
        async with asyncio.timeout(10):
            while (task_id := await shop.eyes.fetchval("SELECT max(provider_job_id) FROM generation_jobs")) is None:
                await asyncio.sleep(0.01)
        token = await shop.eyes.fetchval("SELECT token FROM generation_jobs")

        async def call_back(number: int, anybody: httpx2.AsyncClient) -> int:
            # All around the moment at which the task ends.
            await asyncio.sleep(DELAY_S - 0.2 + number * 0.03)
            body, timestamp = json.dumps({"id": task_id, "status": status}).encode(), str(int(time.time()))
            headers = {
                "webhook-id": "evt",
                "webhook-timestamp": timestamp,
                "webhook-signature": sign(DEFAULT_WEBHOOK_SECRET, "evt", timestamp, body),
            }
            return (await anybody.post(f"/api/v1/webhooks/wavespeed/{token}", content=body, headers=headers)).status_code

        async def refresh() -> str:
            seen = "running"
            while seen not in FINAL:
                answer = await shop.http.post(f"/generations/{generation['id']}/refresh", json={"telegram_id": somebody})
                seen = answer.json()["status"]
            return seen

        async with httpx2.AsyncClient(base_url=shop.base_url, verify=NO_TLS) as anybody, asyncio.timeout(15):
            answers = await asyncio.gather(
                *(call_back(number, anybody) for number in range(WEBHOOKS)), *(refresh() for _ in range(REFRESHERS))
            )

        assert Counter(answers) == {200: WEBHOOKS, status: REFRESHERS}
        assert await self._count(shop, "SELECT entry_type FROM ledger_transfers WHERE hold_id IS NOT NULL") == {move: 1}
        assert await self._count(shop, "SELECT status FROM generation_events") == {"queued": 1, "running": 1, status: 1}
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_results") == (status == "completed")
        assert await shop.balance(somebody) == (credits_left, 0)
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()

    async def _count(self, shop: Shop, statement: str) -> Counter[str]:
        return Counter(row[0] for row in await shop.eyes.fetch(statement))
