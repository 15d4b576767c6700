"""Sync mode and base64 (protocol 2.5)."""

import asyncio
import base64
import io
from typing import Any

import httpx2
from PIL import Image

MODEL = "/google/nano-banana/text-to-image"


class TestSyncMode:
    async def test_holds_the_request_and_answers_the_finished_prediction(self, submit: Any) -> None:
        data = await submit(enable_sync_mode=True)
        assert data["status"] == "completed"
        assert data["outputs"][0].endswith(".jpeg")

    async def test_answers_a_failed_task_as_failed_under_200(self, submit: Any) -> None:
        data = await submit("no [sim:fail=1200]", enable_sync_mode=True)
        assert (data["status"], data["code"]) == ("failed", 1200)
        assert data["error"] == "The content contains sensitive information."

    async def test_gives_up_with_5004_after_the_window_while_the_task_runs_on(
        self, control: httpx2.AsyncClient, submit: Any, until_final: Any
    ) -> None:
        await control.put("/config", json={"sync_window_s": 0.1, "delay_s": 0.3})
        data = await submit(enable_sync_mode=True)
        assert set(data) == {"id", "status", "code", "error", "urls"}
        assert (data["status"], data["code"]) == ("processing", 5004)
        assert data["error"].startswith("Sync mode timed out after 0.1 seconds.")
        assert (await until_final(data["id"]))["status"] == "completed"

    async def test_gives_up_with_a_gateway_page_by_switch(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        await control.put("/config", json={"sync_window_s": 0.05, "delay_s": 0.2, "sync_timeout_mode": "504"})
        answer = await api.post(MODEL, json={"prompt": "lost in the gateway", "enable_sync_mode": True})
        assert (answer.status_code, answer.headers["content-type"]) == (504, "text/html; charset=utf-8")
        found = await control.get("/predictions", params={"prompt": "lost in the gateway"})
        assert found.json()["count"] == 1

    async def test_holds_many_requests_at_once(self, control: httpx2.AsyncClient, submit: Any) -> None:
        await control.put("/config", json={"delay_s": 0.5})
        started = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(submit(f"held {n}", enable_sync_mode=True) for n in range(80)))
        assert {answer["status"] for answer in answers} == {"completed"}
        # One after the other they would take 40 seconds.
        assert asyncio.get_running_loop().time() - started < 20


class TestBase64:
    async def test_is_bare_in_sync_and_in_polled_answers(self, submit: Any, until_final: Any) -> None:
        held = await submit(model=MODEL[1:], enable_sync_mode=True, enable_base64_output=True)
        with Image.open(io.BytesIO(base64.b64decode(held["outputs"][0], validate=True))) as picture:
            assert (picture.format, picture.size) == ("PNG", (1024, 1024))
        assert (await until_final(held["id"]))["outputs"] == held["outputs"]
