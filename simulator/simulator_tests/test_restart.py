"""A state directory outlives the simulator, cleanly stopped or killed."""

import asyncio
import io
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from simulator.server import running_simulator
from simulator.settings import Behaviour
from simulator.state import SimulatorState

MODEL = "/bytedance/seedream-v4"


@pytest.fixture
def run_once(settings: Any, key: str, tmp_path: Path) -> Any:
    """Start a simulator on the same state directory, play a scene, stop it."""

    async def play(scene: Any, delay_s: float = 0.05) -> Any:
        behaviour = Behaviour(delay_s=delay_s, webhook_backoff_s=30)
        async with running_simulator(settings(state_dir=tmp_path / "state", behaviour=behaviour)) as running:
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx2.AsyncClient(base_url=f"{running.url}/api/v3", headers=headers) as client:
                return await scene(client)

    return play


def submitted(prompt: str, **more: Any) -> Any:
    async def scene(client: httpx2.AsyncClient) -> Any:
        answer = await client.post(MODEL, json={"prompt": prompt, "enable_sync_mode": True, **more})
        return answer.json()["data"]

    return scene


class TestRestart:
    async def test_knows_predictions_outputs_uploads_and_money(self, run_once: Any, png: bytes) -> None:
        async def before(client: httpx2.AsyncClient) -> Any:
            files = {"file": ("red.png", png, "image/png")}
            upload = (await client.post("/media/upload/binary", files=files)).json()["data"]["download_url"]
            done = await submitted("kept")(client)
            picture = (await asset(done["outputs"][0])).content
            await submitted("[sim:fail]")(client)
            balance = (await client.get("/balance")).json()["data"]
            return upload, done, picture, balance

        async def after(client: httpx2.AsyncClient) -> None:
            assert (await client.get(f"/predictions/{done['id']}")).json()["data"]["outputs"] == done["outputs"]
            assert (await asset(done["outputs"][0])).content == picture
            assert (await asset(upload)).content == png
            assert (await client.get("/balance")).json()["data"] == balance
            items = (await client.post("/predictions", json={})).json()["data"]["items"]
            assert [item["status"] for item in items] == ["failed", "completed"]
            edit = {"prompt": "x", "images": [upload], "enable_sync_mode": True}
            assert (await client.post(f"{MODEL}/edit", json=edit)).json()["data"]["status"] == "completed"

        upload, done, picture, balance = await run_once(before)
        await run_once(after)

    async def test_goes_on_with_running_and_waiting_tasks(self, run_once: Any, until: Any) -> None:
        async def before(client: httpx2.AsyncClient) -> Any:
            answers = [await client.post(MODEL, json={"prompt": f"{n} [sim:delay=3]"}) for n in range(3)]
            return [answer.json()["data"]["id"] for answer in answers]

        async def after(client: httpx2.AsyncClient) -> None:
            async def statuses() -> list[str]:
                reads = [await client.get(f"/predictions/{prediction_id}") for prediction_id in ids]
                return [read.json()["data"]["status"] for read in reads]

            assert await statuses() == ["processing"] * 3
            await until(statuses, ["completed"] * 3)

        ids = await run_once(before)
        await run_once(after)

    async def test_sends_the_webhook_that_was_not_delivered(self, run_once: Any, receiver: Any) -> None:
        receiver.statuses = [500]

        async def before(client: httpx2.AsyncClient) -> None:
            await client.post(MODEL, json={"prompt": "x"}, params={"webhook": receiver.url})
            await receiver.wait(1)

        async def after(_: httpx2.AsyncClient) -> None:
            await receiver.wait(2)
            await asyncio.sleep(0.1)

        async def once_more(_: httpx2.AsyncClient) -> None:
            await asyncio.sleep(0.1)

        for scene in (before, after, once_more):
            await run_once(scene)
        assert len(receiver.received) == 2

    def test_survives_a_torn_last_line(self, settings: Any, tmp_path: Path) -> None:
        journal = tmp_path / "journal.jsonl"
        first = SimulatorState(settings(state_dir=tmp_path))
        first.set_balance(first.balance / 2)
        first.close()
        journal.write_bytes(journal.read_bytes() + b'{"event":"bal')
        second = SimulatorState(settings(state_dir=tmp_path))
        assert second.balance == first.balance
        second.set_balance(first.balance / 2)
        second.close()
        third = SimulatorState(settings(state_dir=tmp_path))
        third.close()
        assert third.balance == first.balance / 2


async def asset(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.get(url)


class TestLoad:
    async def test_answers_quickly_while_big_pictures_are_drawn(self, submit: Any, assets: Any, api: Any) -> None:
        urls = [(await submit(f"big {n}", size="4096*4096", enable_sync_mode=True))["outputs"][0] for n in range(3)]
        downloads = asyncio.gather(*(assets.get(url) for url in urls))
        await asyncio.sleep(0.02)
        started = time.monotonic()
        await api.get("/balance")
        assert time.monotonic() - started < 0.3
        for answer in await downloads:
            with Image.open(io.BytesIO(answer.content)) as picture:
                assert picture.size == (4096, 4096)
