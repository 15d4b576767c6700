"""The official client, wavespeed 2.0.5, runs against the simulator (protocol 8)."""

import asyncio
import io
from pathlib import Path
from typing import Any

import httpx2
import pytest
import wavespeed

MODEL = "google/nano-banana/text-to-image"


@pytest.fixture
def sdk(simulator: Any, key: str) -> wavespeed.Client:
    return wavespeed.Client(api_key=key, base_url=simulator.url)


async def run(client: wavespeed.Client, prompt: str, **more: Any) -> dict[str, Any]:
    return await asyncio.to_thread(client.run, MODEL, {"prompt": prompt}, **more)


class TestOfficialClient:
    async def test_runs_by_polling(self, sdk: Any, assets: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        outputs = (await run(sdk, "a lake", poll_interval=0.1))["outputs"]
        assert (await assets.get(outputs[0])).content.startswith(b"\x89PNG")
        requests = (await control.get("/log")).json()["requests"]
        assert [requests[0]["method"], requests[1]["method"]] == ["POST", "GET"]
        assert requests[1]["path"].endswith("/result")
        assert requests[0]["headers"]["x-client-name"] == "wavespeed-python"

    async def test_runs_in_sync_mode_with_a_single_request(self, sdk: Any, control: httpx2.AsyncClient) -> None:
        assert len((await run(sdk, "a lake", enable_sync_mode=True))["outputs"]) == 1
        assert (await control.get("/log")).json()["count"] == 1

    @pytest.mark.parametrize("is_sync", [False, True])
    async def test_raises_when_the_task_fails(self, sdk: Any, is_sync: bool) -> None:
        with pytest.raises(RuntimeError, match=r"Prediction failed \(task_id: [0-9a-f]{32}\): The content contains"):
            await run(sdk, "[sim:fail=1200]", enable_sync_mode=is_sync, poll_interval=0.1)

    @pytest.mark.parametrize("status", ["cancelled", "timeout", "deleted"])
    async def test_raises_when_the_task_ends_otherwise(self, sdk: Any, status: str) -> None:
        with pytest.raises(RuntimeError, match=f"Prediction {status} .*Unknown error"):
            await run(sdk, f"[sim:status_{status}]", poll_interval=0.1)

    async def test_learns_the_id_from_a_sync_timeout(self, sdk: Any) -> None:
        with pytest.raises(RuntimeError, match=r"Sync mode timed out \(task_id: .*Query the result later at: .*/result"):
            await run(sdk, "[sim:sync_timeout_5004]", enable_sync_mode=True)
        result = await asyncio.to_thread(sdk.run_no_throw, MODEL, {"prompt": "[sim:sync_timeout_5004]"}, enable_sync_mode=True)
        assert result["status"] == "processing"
        full = await asyncio.to_thread(sdk.get_result, result["task_id"])
        assert full["data"]["id"] == result["task_id"]

    async def test_uploads_a_file_and_uses_it(self, sdk: Any, assets: httpx2.AsyncClient, tmp_path: Path, png: bytes) -> None:
        file = tmp_path / "red.png"
        file.write_bytes(png)
        url = await asyncio.to_thread(sdk.upload, str(file))
        assert (await assets.get(url)).content == png
        edit = {"prompt": "frame it", "images": [url]}
        result = await asyncio.to_thread(sdk.run, "google/nano-banana/edit", edit, enable_sync_mode=True)
        assert len(result["outputs"]) == 1

    async def test_uploads_a_nameless_stream(self, sdk: Any, assets: httpx2.AsyncClient, png: bytes) -> None:
        url = await asyncio.to_thread(sdk.upload, io.BytesIO(png))
        assert (await assets.get(url)).content == png

    async def test_raises_for_a_wrong_key_after_one_request(self, simulator: Any, control: httpx2.AsyncClient) -> None:
        client = wavespeed.Client(api_key="wrong-key", base_url=simulator.url)
        with pytest.raises(RuntimeError, match=r"Failed to submit prediction: HTTP 401: .*Invalid API key"):
            await run(client, "a lake")
        assert (await control.get("/log")).json()["count"] == 1

    @pytest.mark.parametrize("marker", ["submit_429", "submit_500_after_accept", "submit_cut_after_accept"])
    async def test_never_submits_twice(self, sdk: Any, control: httpx2.AsyncClient, marker: str) -> None:
        with pytest.raises(RuntimeError, match=r"HTTP 429|HTTP 500|submission did not return a response"):
            await run(sdk, f"[sim:{marker}]")
        assert (await control.get("/log")).json()["count"] == 1

    async def test_survives_a_poll_that_fails(self, sdk: Any) -> None:
        assert (await run(sdk, "[sim:poll_500=1]", poll_interval=0.1))["outputs"]
