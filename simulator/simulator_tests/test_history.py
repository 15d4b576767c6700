"""Listing and deleting (protocol 6)."""

from typing import Any

import httpx2
import pytest

NANO = "google/nano-banana/text-to-image"


class TestHistory:
    async def test_lists_newest_first_in_pages(self, api: httpx2.AsyncClient, submit: Any) -> None:
        ids = [(await submit(f"page {n}"))["id"] for n in range(5)]
        first = (await api.post("/predictions", json={"page": 1, "page_size": 2})).json()["data"]
        second = (await api.post("/predictions", json={"page": 2, "page_size": 2})).json()["data"]
        listed = [item["id"] for item in first["items"] + second["items"]]
        assert listed == ids[:0:-1]
        assert (first["page"], first["total"] >= 5) == (1, True)

    async def test_finds_a_lost_task_by_model_time_and_inputs(self, api: httpx2.AsyncClient, submit: Any) -> None:
        before = await submit("before", model=NANO)
        lost = await submit("the lost one", model=NANO)
        query = {"model": NANO, "created_after": lost["created_at"], "include_inputs": True}
        items = (await api.post("/predictions", json=query)).json()["data"]["items"]
        assert [item["id"] for item in items] == [lost["id"]]
        assert items[0]["input"]["prompt"] == "the lost one"
        query = {"model": NANO, "created_before": before["created_at"]}
        items = (await api.post("/predictions", json=query)).json()["data"]["items"]
        assert items[0]["id"] == before["id"]
        assert "input" not in items[0]

    async def test_filters_by_status(self, api: httpx2.AsyncClient, submit: Any) -> None:
        failed = await submit("[sim:fail]", enable_sync_mode=True)
        items = (await api.post("/predictions", json={"status": "failed"})).json()["data"]["items"]
        assert items[0]["id"] == failed["id"]
        assert {item["status"] for item in items} == {"failed"}

    async def test_may_leave_the_total_out(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        await control.put("/config", json={"history_total": False})
        assert "total" not in (await api.post("/predictions", json={})).json()["data"]

    @pytest.mark.parametrize("query", [{"page_size": 101}, {"page": 0}, {"page": "1"}, {"created_after": "yesterday"}])
    async def test_refuses_a_query_out_of_range(self, api: httpx2.AsyncClient, query: dict[str, Any]) -> None:
        assert (await api.post("/predictions", json=query)).status_code == 400


class TestDelete:
    async def test_removes_finished_predictions_and_skips_the_others(
        self, api: httpx2.AsyncClient, assets: httpx2.AsyncClient, control: httpx2.AsyncClient, submit: Any
    ) -> None:
        done = await submit("delete me", enable_sync_mode=True)
        running = await submit("still running [sim:stuck]")
        answer = await api.post("/predictions/delete", json={"ids": [done["id"], running["id"], "0" * 32]})
        assert answer.json()["data"] == {"deleted_count": 1}
        assert (await api.get(f"/predictions/{done['id']}")).status_code == 404
        assert (await assets.get(done["outputs"][0])).status_code == 404
        assert (await api.get(f"/predictions/{running['id']}")).status_code == 200
        shown = (await control.get("/predictions", params={"prompt": "delete me"})).json()["predictions"][-1]
        assert shown["is_deleted"]

    async def test_of_one_answers_deleted_403_or_404(self, api: httpx2.AsyncClient, submit: Any) -> None:
        done = await submit(enable_sync_mode=True)
        running = await submit("[sim:stuck]")
        answer = await api.delete(f"/predictions/{done['id']}")
        assert answer.json()["data"] == {"id": done["id"], "status": "deleted"}
        assert (await api.delete(f"/predictions/{done['id']}")).status_code == 404
        assert (await api.delete(f"/predictions/{running['id']}")).status_code == 403

    async def test_refuses_ids_that_are_no_list(self, api: httpx2.AsyncClient) -> None:
        assert (await api.post("/predictions/delete", json={"ids": "all"})).status_code == 400
