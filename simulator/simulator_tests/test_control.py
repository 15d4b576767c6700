"""The control API: log, configuration, faults, markers."""

import asyncio
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from simulator.control import refused_from_afar
from simulator.server import running_simulator

MODEL = "/bytedance/seedream-v4"


class TestForgetting:
    async def test_leaves_nothing_to_read_or_list(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, submit: Any) -> None:
        made = await submit("forgotten")
        assert (await control.delete("/predictions")).json()["forgotten"] >= 1

        assert (await api.get(f"/predictions/{made['id']}/result")).status_code == 404
        assert (await api.post("/predictions", json={})).json()["data"]["items"] == []
        assert (await control.get("/predictions", params={"prompt": "forgotten"})).json()["count"] == 1
        assert (await control.delete("/predictions")).json() == {"forgotten": 0}


class TestLog:
    async def test_holds_every_request_with_its_body_and_status(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, submit: Any, key: str
    ) -> None:
        prediction_id = (await submit("logged", webhook="http://127.0.0.1:9/"))["id"]
        await api.get(f"/predictions/{prediction_id}/result")
        await api.get("/balance", headers={"Authorization": "Bearer wrong-key"})
        log = (await control.get("/log")).json()
        posted, read, refused = log["requests"]
        assert log["count"] == 3
        assert (posted["method"], posted["path"]) == ("POST", "/api/v3/bytedance/seedream-v4")
        assert posted["body"] == {"prompt": "logged"}
        assert posted["query"].startswith("webhook=")
        assert posted["headers"]["authorization"] == f"Bearer ***{key[-4:]}"
        assert key not in str(log)
        assert [entry["status"] for entry in log["requests"]] == [200, 200, 401]
        assert posted["prediction_id"] == read["prediction_id"] == prediction_id
        assert refused["prediction_id"] is None

    async def test_can_be_filtered_and_cleared(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        await api.get("/balance")
        await api.post("/model/price", json={"model_id": "bytedance/seedream-v4"})
        assert (await control.get("/log", params={"path": "balance"})).json()["count"] == 1
        assert (await control.get("/log", params={"method": "post"})).json()["count"] == 1
        assert (await control.delete("/log")).json() == {"cleared": 2}
        assert (await control.get("/log")).json()["count"] == 0

    async def test_shows_a_cut_request_without_a_status(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        with pytest.raises(httpx2.TransportError):
            await api.post(MODEL, json={"prompt": "[sim:submit_cut_after_accept]"})
        entry = (await control.get("/log")).json()["requests"][0]
        assert (entry["status"], len(entry["prediction_id"])) == (None, 32)


class TestPredictions:
    async def test_are_shown_with_inputs_and_how_often_they_were_submitted(self, control: httpx2.AsyncClient, submit: Any) -> None:
        for _ in range(2):
            await submit("twice the same", size="1024*1024")
        shown = (await control.get("/predictions", params={"prompt": "twice the same"})).json()["predictions"]
        assert [entry["submitted"] for entry in shown] == [2, 2]
        assert shown[0]["input"]["size"] == "1024*1024"


class TestFromAfar:
    @pytest.mark.parametrize(
        ("host", "is_refused"), [("127.0.0.1", False), ("::1", False), ("10.0.0.5", True), ("somewhere", True)]
    )
    def test_is_refused(self, host: str, is_refused: bool) -> None:
        refusal = refused_from_afar(Request({"type": "http", "client": (host, 1)}))
        assert (refusal is not None and refusal.status_code == 403) == is_refused


class TestConfig:
    async def test_is_read_changed_and_reset(self, control: httpx2.AsyncClient) -> None:
        before = (await control.get("/config")).json()
        changed = (await control.put("/config", json={"delay_s": 3, "balance": 5.5})).json()
        assert changed == before | {"delay_s": 3, "balance": 5.5}
        assert (await control.delete("/config")).json() == before

    @pytest.mark.parametrize(
        "change",
        [
            {"delay_s": -1},
            {"delay_s": True},
            {"tier": "wood"},
            {"unknown": 1},
            {"over_limit": "drop"},
            {"balance": "x"},
            {"binary_upload_gone": 500},
            {"concurrency_limit": 1.5},
            {"legacy_fields": 1},
            {"discount_rate": 101},
        ],
    )
    async def test_refuses_what_makes_no_sense_and_changes_nothing(
        self, control: httpx2.AsyncClient, change: dict[str, Any]
    ) -> None:
        before = (await control.get("/config")).json()
        refused = await control.put("/config", json=change)
        assert (refused.status_code, next(iter(change)) in refused.json()["message"]) == (400, True)
        assert (await control.get("/config")).json() == before


class TestFaults:
    async def test_strike_the_next_matching_requests_only(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        fault = {"kind": "submit_500_before_accept", "times": 2, "match": {"prompt": "target", "model": MODEL[1:]}}
        fault_id = (await control.post("/faults", json=fault)).json()["id"]
        prompts = ["target 1", "other", "target 2", "target 3"]
        statuses = [(await api.post(MODEL, json={"prompt": prompt})).status_code for prompt in prompts]
        assert statuses == [500, 200, 500, 200]
        shown = (await control.get("/faults")).json()["faults"]
        assert [(entry["id"], entry["struck"]) for entry in shown] == [(fault_id, 2)]

    async def test_are_counted_by_kind_markers_too(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        await control.post("/faults", json={"kind": "api_500", "times": 1, "match": {"path": "/balance"}})
        await api.get("/balance")
        await api.get("/balance")
        for marker in ("submit_400", "submit_400 times=1", "stuck"):
            await api.post(MODEL, json={"prompt": f"counted [sim:{marker}]"})
        assert (await control.get("/faults")).json()["struck"] == {"api_500": 1, "submit_400": 2, "stuck": 1}
        await control.delete("/faults")
        assert (await control.get("/faults")).json()["struck"] == {}

    async def test_strike_every_nth_until_deleted(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        fault = {"kind": "api_500", "times": None, "every": 3, "match": {"path": "/balance", "method": "GET"}}
        fault_id = (await control.post("/faults", json=fault)).json()["id"]
        assert [(await api.get("/balance")).status_code for _ in range(6)] == [200, 200, 500, 200, 200, 500]
        assert (await control.delete(f"/faults/{fault_id}")).json() == {"cleared": 1}
        assert [(await api.get("/balance")).status_code for _ in range(3)] == [200, 200, 200]

    @pytest.mark.parametrize(
        "fault",
        [
            {},
            {"kind": 5},
            {"kind": "no_such"},
            {"kind": "fail", "colour": 1},
            {"kind": "fail", "code": "x"},
            {"kind": "delay", "seconds": -1},
            {"kind": "stuck", "times": 0},
            {"kind": "stuck", "every": 0},
            {"kind": "stuck", "match": {"shape": "x"}},
            {"kind": "stuck", "match": {"path": 1}},
        ],
    )
    async def test_are_refused_when_they_make_no_sense(self, control: httpx2.AsyncClient, fault: dict[str, Any]) -> None:
        assert (await control.post("/faults", json=fault)).status_code == 400
        assert (await control.get("/faults")).json()["faults"] == []


class TestMarkers:
    async def test_may_be_several_and_count_their_times(self, api: httpx2.AsyncClient, submit: Any, until_final: Any) -> None:
        data = await submit("[sim:poll_500=2] a lake [sim:fail code=1200] [sim:delay=0]")
        statuses = [(await api.get(f"/predictions/{data['id']}/result")).status_code for _ in range(3)]
        assert statuses == [500, 500, 200]
        assert (await until_final(data["id"]))["code"] == 1200

    async def test_of_a_refusal_count_the_submits_of_the_same_inputs(self, api: httpx2.AsyncClient) -> None:
        body = {"prompt": "again and again [sim:submit_429 times=2 retry_after=1]"}
        answers = [await api.post(MODEL, json=body) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [429, 429, 200]
        assert answers[0].headers["retry-after"] == "1"

    async def test_without_times_strike_always(self, api: httpx2.AsyncClient, submit: Any) -> None:
        data = await submit("[sim:poll_404]")
        assert {(await api.get(f"/predictions/{data['id']}")).status_code for _ in range(3)} == {404}

    @pytest.mark.parametrize("marker", ["no_such_fault", "", "fail=x", "delay=-1", "poll_500=0", "stuck colour=red", "api_500"])
    async def test_are_refused_when_unknown(self, api: httpx2.AsyncClient, marker: str) -> None:
        answer = await api.post(MODEL, json={"prompt": f"[sim:{marker}]"})
        assert answer.status_code == 400


class TestHeldRequests:
    async def test_are_let_go_when_the_simulator_closes(self, settings: Any, key: str) -> None:
        async with running_simulator(settings()) as running, httpx2.AsyncClient(base_url=running.url) as client:
            body = {"prompt": "[sim:stuck]", "enable_sync_mode": True}
            held = asyncio.gather(
                *(
                    client.post(f"/api/v3{MODEL}", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=30)
                    for _ in range(20)
                ),
                return_exceptions=True,
            )
            await asyncio.sleep(0.2)
            started = asyncio.get_running_loop().time()
            await running.simulator.close()
            outcomes = await held
            assert asyncio.get_running_loop().time() - started < 1
        assert all(isinstance(outcome, httpx2.TransportError) for outcome in outcomes)
