"""Every fault kind seen over HTTP: the request faults by table, the others one by one."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from simulator.faults import KINDS, FaultKind

MODEL = "/bytedance/seedream-v4"
STATUS = {"400": 400, "401": 401, "403": 403, "404": 404, "429": 429, "500": 500, "502": 502, "503": 503, "504": 504}
TABLED = {"submit_before", "submit_after", "poll", "history", "upload", "upload_put", "output", "api"}
WAIT_S = 0.15


def of_stage(stage: str) -> list[FaultKind]:
    return [kind for kind in KINDS.values() if kind.stage == stage]


def named(kinds: list[FaultKind]) -> Any:
    return pytest.mark.parametrize("kind", kinds, ids=[kind.kind for kind in kinds])


async def switch_on(control: httpx2.AsyncClient, kind: FaultKind, **more: Any) -> None:
    slow = {"seconds": WAIT_S} if kind.answer == "slow" else {}
    answer = await control.post("/faults", json={"kind": kind.kind} | slow | more)
    assert answer.status_code == 201, answer.text


async def sees(kind: FaultKind, client: httpx2.AsyncClient, method: str, url: str, **request: Any) -> None:
    """Send the request and check that it meets exactly the wrong answer the kind promises."""
    started = asyncio.get_running_loop().time()
    if kind.answer == "cut":
        with pytest.raises(httpx2.TransportError):
            await client.request(method, url, **request)
        return
    answer = await client.request(method, url, **request)
    if kind.answer in STATUS:
        assert answer.status_code == STATUS[kind.answer]
        check_refusal(kind, answer)
        return
    assert answer.status_code == 200
    match kind.answer:
        case "slow":
            assert asyncio.get_running_loop().time() - started >= WAIT_S
        case "html":
            assert answer.text.startswith("<!doctype html>")
        case "garbage":
            with pytest.raises(ValueError, match="Unterminated"):
                answer.json()
        case "null_data":
            assert answer.json() == {"code": 200, "message": "success", "data": None}
        case "envelope_error":
            assert answer.json() == {"code": 500, "message": "Internal server error"}
        case other:
            raise AssertionError(f"no test knows the answer {other}")


def check_refusal(kind: FaultKind, answer: httpx2.Response) -> None:
    if kind.answer == "502":
        assert answer.text == "error code: 502"
    elif kind.answer == "504":
        assert "<title>504 Gateway Time-out</title>" in answer.text
    else:
        assert answer.json()["code"] == answer.status_code
        assert ("error_code" in answer.json()) == (kind.answer == "403")


async def count(control: httpx2.AsyncClient, prompt: str) -> int:
    return int((await control.get("/predictions", params={"prompt": prompt})).json()["count"])


class TestSubmitFaults:
    @named([kind for kind in of_stage("submit_before") if kind.answer != "credits"])
    async def test_before_accepting_leave_no_task(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, kind: FaultKind
    ) -> None:
        await switch_on(control, kind)
        await sees(kind, api, "POST", MODEL, json={"prompt": f"try {kind.kind}"})
        assert await count(control, f"try {kind.kind}") == (1 if kind.answer == "slow" else 0)

    @named(of_stage("submit_after"))
    async def test_after_accepting_leave_a_task_that_runs_on(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, until: Any, kind: FaultKind
    ) -> None:
        await switch_on(control, kind)
        await sees(kind, api, "POST", MODEL, json={"prompt": f"try {kind.kind}"})

        async def statuses() -> list[str]:
            found = (await control.get("/predictions", params={"prompt": f"try {kind.kind}"})).json()["predictions"]
            return [entry["status"] for entry in found]

        await until(statuses, ["completed"])

    async def test_insufficient_credits_has_the_recorded_wording(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient
    ) -> None:
        await switch_on(control, KINDS["insufficient_credits"])
        answer = await api.post(MODEL, json={"prompt": "x"})
        assert (answer.status_code, answer.json()["message"]) == (
            400,
            "Insufficient credits. Please top up your account to continue.",
        )

    async def test_submit_429_says_retry_after_when_told_to(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        await switch_on(control, KINDS["submit_429"], retry_after=7)
        answer = await api.post(MODEL, json={"prompt": "x"})
        assert (answer.headers["retry-after"], answer.json()["message"]) == (
            "7",
            "You have reached your concurrency limit",
        )

    async def test_cut_after_accept_strikes_a_held_sync_request_too(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient
    ) -> None:
        with pytest.raises(httpx2.TransportError):
            await api.post(MODEL, json={"prompt": "held [sim:submit_cut_after_accept]", "enable_sync_mode": True})
        assert await count(control, "held [sim:submit_cut_after_accept]") == 1


class TestReadFaults:
    @named(of_stage("poll"))
    async def test_strike_a_poll_and_leave_the_task_alone(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, submit: Any, until_final: Any, kind: FaultKind
    ) -> None:
        prediction_id = (await submit())["id"]
        await switch_on(control, kind, match={"prediction_id": prediction_id})
        await sees(kind, api, "GET", f"/predictions/{prediction_id}/result")
        assert (await until_final(prediction_id))["status"] == "completed"

    @named(of_stage("history"))
    async def test_strike_the_history(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, kind: FaultKind) -> None:
        await switch_on(control, kind)
        await sees(kind, api, "POST", "/predictions", json={})
        assert (await api.post("/predictions", json={})).json()["code"] == 200

    @named(of_stage("api"))
    async def test_strike_any_call_by_its_path(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, kind: FaultKind) -> None:
        await switch_on(control, kind, match={"path": "/balance"})
        assert (await api.get("/models")).json()["code"] == 200
        await sees(kind, api, "GET", "/balance")
        assert (await api.get("/balance")).json()["code"] == 200


class TestUploadFaults:
    @named(of_stage("upload"))
    async def test_strike_the_ticket(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, kind: FaultKind) -> None:
        await switch_on(control, kind)
        await sees(kind, api, "POST", "/media/uploads", json={"filename": "a.png", "size": 8})

    @named(of_stage("upload_put"))
    async def test_strike_the_put(
        self, api: httpx2.AsyncClient, assets: httpx2.AsyncClient, control: httpx2.AsyncClient, png: bytes, kind: FaultKind
    ) -> None:
        ticket = (await api.post("/media/uploads", json={"filename": "a.png", "size": len(png)})).json()["data"]["upload"]
        await switch_on(control, kind)
        await sees(kind, assets, "PUT", ticket["url"], content=png, headers=ticket["headers"])

    async def test_upload_quota_has_its_own_words(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        await switch_on(control, KINDS["upload_429"])
        answer = await api.post("/media/uploads", json={"filename": "a.png", "size": 8})
        assert answer.json()["message"] == "Upload quota exceeded"

    async def test_upload_lost_hides_the_download(
        self, api: httpx2.AsyncClient, assets: httpx2.AsyncClient, control: httpx2.AsyncClient, png: bytes
    ) -> None:
        files = {"file": ("red.png", png, "image/png")}
        url = (await api.post("/media/upload/binary", files=files)).json()["data"]["download_url"]
        await switch_on(control, KINDS["upload_lost"])
        assert [(await assets.get(url)).status_code for _ in range(2)] == [404, 200]


class TestOutputFaults:
    @named([kind for kind in of_stage("output") if kind.answer in {*STATUS, "cut", "slow"}])
    async def test_strike_the_download(
        self, assets: httpx2.AsyncClient, control: httpx2.AsyncClient, submit: Any, kind: FaultKind
    ) -> None:
        url = (await submit(enable_sync_mode=True))["outputs"][0]
        await switch_on(control, kind)
        await sees(kind, assets, "GET", url)
        assert (await assets.get(url)).headers["content-type"] == "image/jpeg"

    @pytest.fixture
    def download(self, assets: httpx2.AsyncClient, submit: Any) -> Any:
        async def fetch(marker: str) -> tuple[httpx2.Response, bytes]:
            spoiled = (await submit(f"one picture [sim:{marker} times=1]", enable_sync_mode=True))["outputs"][0]
            return await assets.get(spoiled), (await assets.get(spoiled)).content

        return fetch

    async def test_output_truncated_promises_more_than_it_sends(self, download: Any) -> None:
        with pytest.raises(httpx2.TransportError):
            await download("output_truncated")

    async def test_output_corrupt_keeps_only_the_head(self, download: Any) -> None:
        spoiled, whole = await download("output_corrupt")
        assert spoiled.content[:64] == whole[:64]
        assert (len(spoiled.content), spoiled.content == whole) == (len(whole), False)

    async def test_output_untyped_hides_the_type(self, download: Any) -> None:
        spoiled, whole = await download("output_untyped")
        assert (spoiled.headers["content-type"], spoiled.content) == ("application/octet-stream", whole)

    async def test_output_html_is_a_page(self, download: Any) -> None:
        spoiled, _ = await download("output_html")
        assert spoiled.headers["content-type"].startswith("text/html")

    async def test_output_huge_does_not_say_its_size(self, download: Any) -> None:
        spoiled, _ = await download("output_huge megabytes=3")
        assert len(spoiled.content) == 3 * 1024 * 1024
        assert "content-length" not in spoiled.headers


class TestSyncFaults:
    async def test_sync_timeout_5004_answers_under_200(self, submit: Any, until_final: Any) -> None:
        data = await submit("[sim:sync_timeout_5004]", enable_sync_mode=True)
        assert (data["status"], data["code"]) == ("processing", 5004)
        assert data["error"].startswith("Sync mode timed out after 90 seconds.")
        assert (await until_final(data["id"]))["status"] == "completed"

    async def test_sync_timeout_504_answers_a_page(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        body = {"prompt": "gone [sim:sync_timeout_504=0.01]", "enable_sync_mode": True}
        answer = await api.post(MODEL, json=body)
        assert (answer.status_code, "504 Gateway Time-out" in answer.text) == (504, True)
        assert await count(control, "gone [sim:sync_timeout_504=0.01]") == 1


class TestEveryKind:
    def test_has_a_test(self) -> None:
        seen_by_table = {kind.kind for stage in TABLED for kind in of_stage(stage)}
        text = "".join(_sources())
        missing = [kind for kind in KINDS if kind not in seen_by_table and kind not in text]
        assert missing == []

    def test_is_documented(self) -> None:
        text = (Path(__file__).parent.parent / "README.md").read_text()
        assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []

    async def test_is_listed(self, control: httpx2.AsyncClient) -> None:
        kinds = (await control.get("/faults/kinds")).json()["kinds"]
        assert {kind["kind"] for kind in kinds} == set(KINDS)
        assert all(kind["description"] for kind in kinds)


def _sources() -> list[str]:
    return [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
