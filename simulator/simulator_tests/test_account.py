"""Money and account (protocol 4.3, 6)."""

from typing import Any

import httpx2
import pytest

DAY = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2020-01-02T00:00:00Z"}


@pytest.fixture
def balance(api: httpx2.AsyncClient) -> Any:
    async def read() -> float:
        return float((await api.get("/balance")).json()["data"]["balance"])

    return read


class TestMoney:
    async def test_is_taken_at_submit_and_kept_on_success(self, control: Any, submit: Any, balance: Any) -> None:
        await control.put("/config", json={"balance": 1})
        await submit(model="google/nano-banana-pro/text-to-image", resolution="4k", enable_sync_mode=True)
        assert await balance() == pytest.approx(0.76)

    @pytest.mark.parametrize("marker", ["fail=5000", "status_timeout", "image_download_failed"])
    async def test_comes_back_when_the_task_fails(self, control: Any, submit: Any, balance: Any, marker: str) -> None:
        await control.put("/config", json={"balance": 1})
        await submit(f"[sim:stuck] {marker}")
        assert await balance() == pytest.approx(0.973)
        await submit(f"[sim:{marker}]", enable_sync_mode=True)
        assert await balance() == pytest.approx(0.973)

    async def test_is_the_discounted_price(self, control: Any, submit: Any, balance: Any) -> None:
        await control.put("/config", json={"balance": 1, "discount_rate": 50})
        await submit()
        assert await balance() == pytest.approx(1 - 0.0135)

    async def test_runs_out_with_the_recorded_wording(self, control: Any, api: httpx2.AsyncClient, submit: Any) -> None:
        await control.put("/config", json={"balance": 0.03})
        await submit()
        answer = await api.post("/bytedance/seedream-v4", json={"prompt": "x"})
        assert (answer.status_code, answer.json()) == (
            400,
            {"code": 400, "message": "Insufficient credits. Please top up your account to continue."},
        )


class TestBillings:
    async def test_hold_a_deduction_and_a_refund_for_a_failed_run(self, api: httpx2.AsyncClient, submit: Any) -> None:
        failed = (await submit("[sim:fail]", enable_sync_mode=True))["id"]
        found = (await api.post("/billings/search", json={"prediction_uuids": [failed]})).json()["data"]
        assert [item["billing_type"] for item in found["items"]] == ["refund", "deduct"]
        assert {item["price"] for item in found["items"]} == {0.027}
        assert found["items"][0]["prediction"] == {
            "uuid": failed,
            "model_uuid": "bytedance/seedream-v4",
            "status": "failed",
        }
        query = {"prediction_uuids": [failed], "billing_type": "deduct", "sort": "created_at asc", "page_size": 1}
        found = (await api.post("/billings/search", json=query)).json()["data"]
        assert (len(found["items"]), found["has_more"]) == (1, False)


class TestUsage:
    async def test_sums_costs_and_counts(self, api: httpx2.AsyncClient, submit: Any) -> None:
        created = (await submit("counted", enable_sync_mode=True))["created_at"]
        await submit("[sim:fail]", enable_sync_mode=True)
        query = {"start_time": created, "end_time": "2999-01-01T00:00:00Z"}
        assert (await api.post("/user/usage_stats", json=query)).status_code == 400
        day_later = f"{created[:8]}{int(created[8:10]):02d}T23:59:59Z"
        data = (await api.post("/user/usage_stats", json={"start_time": created, "end_time": day_later})).json()["data"]
        assert data["summary"] == {"total_cost": 0.027, "total_requests": 2, "success_requests": 1}
        assert data["per_model_usage"][0]["model_uuid"] == "bytedance/seedream-v4"
        assert data["daily_usage"][0]["date"] == created[:10]

    async def test_wants_both_ends_of_the_time_range(self, api: httpx2.AsyncClient) -> None:
        assert (await api.post("/user/usage_stats", json={"start_time": DAY["start_time"]})).status_code == 400
        empty = (await api.post("/user/usage_stats", json=DAY)).json()["data"]
        assert empty["summary"]["total_requests"] == 0


class TestWebhookSecret:
    async def test_is_told_to_the_key_holder(self, api: httpx2.AsyncClient) -> None:
        assert (await api.get("/webhook/secret")).json()["data"]["secret"].startswith("whsec_")
