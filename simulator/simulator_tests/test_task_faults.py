"""Faults of the task itself and of the answers about it."""

from typing import Any

import httpx2
import pytest

from simulator.predictions import TASK_ERRORS


class TestEnds:
    @pytest.mark.parametrize("code", sorted(TASK_ERRORS))
    async def test_fail_carries_each_documented_code(self, submit: Any, code: int) -> None:
        data = await submit(f"[sim:fail={code}]", enable_sync_mode=True)
        assert (data["status"], data["code"], data["error"], data["outputs"]) == (
            "failed",
            code,
            TASK_ERRORS[code],
            [],
        )

    async def test_fail_may_say_other_words(self, control: httpx2.AsyncClient, submit: Any) -> None:
        await control.post("/faults", json={"kind": "fail", "code": 5000, "message": "upstream HTTP 503"})
        assert (await submit(enable_sync_mode=True))["error"] == "upstream HTTP 503"

    async def test_image_download_failed_is_1402(self, submit: Any) -> None:
        assert (await submit("[sim:image_download_failed]", enable_sync_mode=True))["code"] == 1402

    async def test_status_timeout_has_5004_and_no_words(self, submit: Any) -> None:
        data = await submit("[sim:status_timeout]", enable_sync_mode=True)
        assert (data["status"], data["code"], data["error"], data["outputs"]) == ("timeout", 5004, "", [])

    async def test_status_cancelled_has_no_outputs(self, submit: Any) -> None:
        data = await submit("[sim:status_cancelled]", enable_sync_mode=True)
        assert (data["status"], data["outputs"]) == ("cancelled", [])

    async def test_status_deleted_misses_its_outputs(self, submit: Any) -> None:
        data = await submit("[sim:status_deleted]", enable_sync_mode=True)
        assert (data["status"], "outputs" in data) == ("deleted", False)

    async def test_status_unknown_shows_until_the_end(self, api: httpx2.AsyncClient, submit: Any, until_final: Any) -> None:
        prediction_id = (await submit("[sim:status_unknown=in_queue]"))["id"]
        assert (await api.get(f"/predictions/{prediction_id}")).json()["data"]["status"] == "in_queue"
        assert (await until_final(prediction_id))["status"] == "completed"
        prediction_id = (await submit("[sim:status_unknown]"))["id"]
        assert (await api.get(f"/predictions/{prediction_id}")).json()["data"]["status"] == "queued"

    async def test_stuck_never_ends(self, control: httpx2.AsyncClient, submit: Any) -> None:
        await control.put("/config", json={"delay_s": 0, "sync_window_s": 0.2})
        assert (await submit("[sim:stuck]", enable_sync_mode=True))["status"] == "processing"

    async def test_delay_sets_the_time(self, submit: Any) -> None:
        data = await submit("[sim:delay=0.3]", enable_sync_mode=True)
        assert 300 <= data["timings"]["inference"] < 1000


class TestOutputs:
    async def test_empty_outputs(self, submit: Any) -> None:
        data = await submit("[sim:empty_outputs]", enable_sync_mode=True)
        assert (data["status"], data["outputs"]) == ("completed", [])

    async def test_null_outputs(self, submit: Any) -> None:
        data = await submit("[sim:null_outputs]", enable_sync_mode=True)
        assert (data["status"], data["outputs"]) == ("completed", None)

    async def test_missing_outputs(self, submit: Any) -> None:
        data = await submit("[sim:missing_outputs]", enable_sync_mode=True)
        assert (data["status"], "outputs" in data) == ("completed", False)

    async def test_object_outputs(self, submit: Any) -> None:
        data = await submit("[sim:object_outputs]", enable_sync_mode=True)
        assert list(data["outputs"][0]) == ["url"]


class TestAnswers:
    async def test_minimal_fields_are_the_five_that_are_safe(self, submit: Any) -> None:
        data = await submit("[sim:minimal_fields]", enable_sync_mode=True)
        assert set(data) == {"id", "status", "outputs", "urls", "error"}

    async def test_legacy_fields_come_for_one_prediction(self, submit: Any) -> None:
        assert "executionTime" in await submit("[sim:legacy_fields]", enable_sync_mode=True)

    async def test_alias_model_names_another_id(self, api: httpx2.AsyncClient, submit: Any) -> None:
        data = await submit("[sim:alias_model=google/gemini-2.5-flash-image]", enable_sync_mode=True)
        assert data["model"] == "google/gemini-2.5-flash-image"
        items = (await api.post("/predictions", json={"model": data["model"]})).json()["data"]["items"]
        assert items[0]["id"] == data["id"]
        assert (await submit("[sim:alias_model]"))["model"] == "alias-of/bytedance/seedream-v4"

    async def test_old_submit_shape_says_processing_without_result(self, submit: Any) -> None:
        data = await submit("[sim:old_submit_shape]")
        assert data["status"] == "processing"
        assert data["urls"]["get"].endswith(data["id"])

    async def test_foreign_poll_url_points_elsewhere(self, submit: Any) -> None:
        assert (await submit("[sim:foreign_poll_url]"))["urls"]["get"] == "https://evil.example/steal"

    async def test_submit_answers_failed_is_final_at_once(self, submit: Any) -> None:
        data = await submit("[sim:submit_answers_failed=1200] [sim:delay=60]")
        assert (data["status"], data["code"]) == ("failed", 1200)

    async def test_expired_is_known_no_more_after_its_end(
        self, api: httpx2.AsyncClient, assets: httpx2.AsyncClient, submit: Any, until: Any
    ) -> None:
        prediction_id = (await submit("[sim:expired]"))["id"]

        async def status() -> int:
            return (await api.get(f"/predictions/{prediction_id}/result")).status_code

        assert await status() == 200
        await until(status, 404)
        listed = (await api.post("/predictions", json={})).json()["data"]["items"]
        assert prediction_id not in {item["id"] for item in listed}
        assert (await assets.get(f"/predictions/{prediction_id}/1.jpeg")).status_code == 404

    async def test_history_lag_hides_the_newest(self, api: httpx2.AsyncClient, submit: Any, until: Any) -> None:
        prediction_id = (await submit("[sim:history_lag=0.2]"))["id"]

        async def is_listed() -> bool:
            items = (await api.post("/predictions", json={})).json()["data"]["items"]
            return prediction_id in {item["id"] for item in items}

        assert not await is_listed()
        await until(is_listed, True)
