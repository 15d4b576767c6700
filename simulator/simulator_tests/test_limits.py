"""Tiers: concurrency as queue or 429, pictures a minute (protocol 5.1, 5.4)."""

from typing import Any

import httpx2
import pytest

from simulator.server import running_simulator
from simulator.settings import TIERS, Behaviour

MODEL = "/bytedance/seedream-v4"


@pytest.fixture
def fresh(settings: Any, key: str) -> Any:
    """A simulator of its own: limits count what other tests left running."""

    async def play(behaviour: Behaviour, scene: Any) -> None:
        async with running_simulator(settings(behaviour=behaviour)) as running:
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx2.AsyncClient(base_url=f"{running.url}/api/v3", headers=headers) as client:
                await scene(client)

    return play


async def status_of(client: httpx2.AsyncClient, answer: httpx2.Response) -> str:
    return str((await client.get(f"/predictions/{answer.json()['data']['id']}")).json()["data"]["status"])


class TestConcurrencyLimit:
    async def test_lets_tasks_wait_in_created(self, fresh: Any, until: Any) -> None:
        async def scene(client: httpx2.AsyncClient) -> None:
            answers = [await client.post(MODEL, json={"prompt": f"{n}"}) for n in range(3)]
            assert [await status_of(client, answer) for answer in answers] == ["processing", "created", "created"]
            for answer in answers:
                await until(lambda answer=answer: status_of(client, answer), "completed")

        await fresh(Behaviour(delay_s=0.5, concurrency_limit=1), scene)

    async def test_answers_429_by_switch(self, fresh: Any, until: Any) -> None:
        async def scene(client: httpx2.AsyncClient) -> None:
            first = await client.post(MODEL, json={"prompt": "one"})
            refused = await client.post(MODEL, json={"prompt": "two"})
            assert (refused.status_code, refused.json()) == (
                429,
                {"code": 429, "message": "You have reached your concurrency limit"},
            )
            assert "retry-after" not in refused.headers
            await until(lambda: status_of(client, first), "completed")
            assert (await client.post(MODEL, json={"prompt": "two"})).status_code == 200

        await fresh(Behaviour(delay_s=0.05, concurrency_limit=1, over_limit="429"), scene)

    async def test_says_retry_after_by_switch(self, fresh: Any) -> None:
        async def scene(client: httpx2.AsyncClient) -> None:
            assert (await client.post(MODEL, json={"prompt": "one"})).headers["retry-after"] == "3"

        await fresh(Behaviour(concurrency_limit=0, over_limit="429", retry_after_s=3), scene)


class TestTier:
    async def test_bronze_takes_two_pictures_a_minute(self, fresh: Any) -> None:
        async def scene(client: httpx2.AsyncClient) -> None:
            statuses = [(await client.post(MODEL, json={"prompt": "x"})).status_code for _ in range(3)]
            assert statuses == [200, 200, 429]

        await fresh(Behaviour(delay_s=0, tier="bronze"), scene)

    def test_numbers_are_those_of_the_page(self) -> None:
        assert {name: (tier.per_minute, tier.concurrent) for name, tier in TIERS.items()} == {
            "bronze": (2, 2),
            "silver": (500, 300),
            "gold": (3000, 3000),
            "ultra": (5000, 10_000),
            "unlimited": (None, None),
        }
