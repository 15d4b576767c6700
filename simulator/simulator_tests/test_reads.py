"""Reading a prediction while it runs and after it ended (protocol 2.2 to 2.4)."""

import asyncio
from typing import Any

import httpx2
import pytest


class TestRead:
    async def test_says_processing_and_then_completed_on_both_paths(
        self, api: httpx2.AsyncClient, submit: Any, until_final: Any
    ) -> None:
        prediction_id = (await submit("both paths"))["id"]
        early = [(await api.get(f"/predictions/{prediction_id}{tail}")).json() for tail in ("", "/result")]
        assert early[0] == early[1]
        assert (early[0]["data"]["status"], early[0]["data"]["outputs"]) == ("processing", [])
        final = await until_final(prediction_id)
        assert final == (await api.get(f"/predictions/{prediction_id}")).json()["data"]
        assert (final["status"], final["code"], final["error"]) == ("completed", 0, "")
        assert len(final["outputs"]) == 1
        assert final["timings"]["inference"] >= 50
        assert "executionTime" not in final

    async def test_carries_the_older_fields_by_switch(self, control: httpx2.AsyncClient, submit: Any, until_final: Any) -> None:
        await control.put("/config", json={"legacy_fields": True})
        final = await until_final((await submit())["id"])
        assert final["executionTime"] == final["timings"]["inference"]
        assert final["has_nsfw_contents"] == [False]

    async def test_answers_404_for_an_unknown_id(self, api: httpx2.AsyncClient) -> None:
        answer = await api.get(f"/predictions/{'0' * 32}/result")
        assert (answer.status_code, answer.json()) == (404, {"code": 404, "message": "Prediction not found."})

    @pytest.mark.parametrize(
        "image", ["not a url", "ftp://x/a.png", "http://[", "data:image/png;base64,@@@", "data:image/png;base64,ж", "/a", ""]
    )
    async def test_fails_with_1402_for_a_reference_that_cannot_be_had(self, submit: Any, until_final: Any, image: str) -> None:
        final = await until_final((await submit(model="google/nano-banana/edit", images=[image]))["id"])
        assert (final["status"], final["code"], final["outputs"]) == ("failed", 1402, [])
        assert final["error"] == "Failed to download image from the provided URL."

    async def test_fails_with_1402_for_an_unknown_address_of_its_own(
        self, assets: httpx2.AsyncClient, submit: Any, until_final: Any
    ) -> None:
        for path in ("/media/unknown/images/1.png", f"/media/{'x' * 5000}", f"/predictions/{'0' * 32}/1.png"):
            image = str(assets.base_url).rstrip("/") + path
            final = await until_final((await submit(model="bytedance/seedream-v4/edit", images=[image]))["id"])
            assert final["code"] == 1402


class TestDelay:
    async def test_is_what_the_configuration_says(self, control: httpx2.AsyncClient, submit: Any, until_final: Any) -> None:
        await control.put("/config", json={"delay_s": 0.3})
        started = asyncio.get_running_loop().time()
        await until_final((await submit())["id"])
        assert 0.3 <= asyncio.get_running_loop().time() - started < 1
