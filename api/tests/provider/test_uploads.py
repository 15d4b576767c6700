"""Uploads to the provider by both of its flows: what is sent, what is refused, what is tried again, and that the key stays home."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from aiohttp import web

from app.provider.client import ProviderClient
from app.provider.errors import BusyError, RefusedError
from app.provider.uploads import Upload, UploadFlow, Uploads
from simulator.server import RunningSimulator
from tests.conftest import SIMULATOR_KEY
from tests.factories import NO_TLS, provider_log
from tests.pictures import a_picture

PNG = a_picture("PNG")
LARGE = a_picture("PNG", 1200, 1000, noise=True)  # larger than any buffer between here and there
BINARY, TICKET = "/api/v3/media/upload/binary", "/api/v3/media/uploads"


def an_upload(content: bytes = PNG, filename: str = "cat.png") -> Upload:
    return Upload(io.BytesIO(content), len(content), filename, "image/png")


@asynccontextmanager
async def client(base_url: str, flow: UploadFlow = "auto", key: str = SIMULATOR_KEY) -> AsyncIterator[Uploads]:
    async with ProviderClient(base_url, key, submit_timeout_s=5, upload_flow=flow) as opened:
        yield opened.uploads


@pytest.fixture
async def uploads(simulator: RunningSimulator) -> AsyncIterator[Uploads]:
    async with client(f"{simulator.url}/api/v3") as opened:
        yield opened


@pytest.fixture
async def control(simulator: RunningSimulator) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{simulator.url}/sim", verify=NO_TLS) as opened:
        yield opened


async def fault(control: httpx2.AsyncClient, kind: str, *, times: int = 1, **more: Any) -> None:
    (await control.post("/faults", json={"kind": kind, "times": times, **more})).raise_for_status()


async def gone(control: httpx2.AsyncClient, status: int = 410) -> None:
    (await control.put("/config", json={"binary_upload_gone": status})).raise_for_status()


async def asked(simulator: RunningSimulator) -> list[str]:
    """The upload endpoints that were called, in order."""
    return [entry["path"] for entry in await provider_log(simulator, "POST") if "/media/" in entry["path"]]


async def stored(url: str) -> tuple[bytes, str]:
    async with httpx2.AsyncClient(verify=NO_TLS) as http:
        answer = await http.get(url)
        assert answer.status_code == 200
        return answer.content, answer.headers["content-type"]


class TestBinaryFlow:
    @pytest.mark.parametrize("content", [PNG, LARGE], ids=["small", "large"])
    async def test_stores_the_bytes(self, uploads: Uploads, simulator: RunningSimulator, content: bytes) -> None:
        url = await uploads.send(an_upload(content))
        assert await stored(url) == (content, "image/png")
        assert await asked(simulator) == [BINARY]

    async def test_declares_its_length(self, uploads: Uploads, simulator: RunningSimulator) -> None:
        await uploads.send(an_upload())
        [entry] = [entry for entry in await provider_log(simulator, "POST") if entry["path"] == BINARY]
        headers = {name.lower(): value for name, value in entry["headers"].items()}
        assert int(headers["content-length"]) > len(PNG)
        assert "transfer-encoding" not in headers

    async def test_sends_a_name_in_any_script(self, uploads: Uploads, simulator: RunningSimulator) -> None:
        await uploads.send(an_upload(filename="ўғил 🐈.png"))
        assert {upload.filename for upload in simulator.state.uploads.values()} >= {"ўғил 🐈.png"}

    async def test_starts_at_the_beginning_of_the_file(self, uploads: Uploads) -> None:
        upload = an_upload()
        upload.file.seek(0, 2)
        assert (await stored(await uploads.send(upload)))[0] == PNG


class TestTicketFlow:
    @pytest.mark.parametrize("status", [404, 405, 410])
    async def test_follows_when_the_binary_upload_is_gone(
        self, uploads: Uploads, simulator: RunningSimulator, control: httpx2.AsyncClient, status: int
    ) -> None:
        await gone(control, status)
        assert await stored(await uploads.send(an_upload(LARGE))) == (LARGE, "image/png")
        assert await asked(simulator) == [BINARY, TICKET]

    async def test_is_remembered(self, uploads: Uploads, simulator: RunningSimulator, control: httpx2.AsyncClient) -> None:
        await gone(control)
        await uploads.send(an_upload())
        await control.delete("/config")
        await uploads.send(an_upload())
        assert await asked(simulator) == [BINARY, TICKET, TICKET]

    async def test_is_used_alone_when_told_so(self, simulator: RunningSimulator) -> None:
        async with client(f"{simulator.url}/api/v3", "ticket") as uploads:
            assert (await stored(await uploads.send(an_upload())))[0] == PNG
        assert await asked(simulator) == [TICKET]

    async def test_is_never_used_when_told_so(self, simulator: RunningSimulator, control: httpx2.AsyncClient) -> None:
        await gone(control)
        async with client(f"{simulator.url}/api/v3", "binary") as uploads:
            with pytest.raises(RefusedError, match="410"):
                await uploads.send(an_upload())
        assert await asked(simulator) == [BINARY]

    async def test_sends_exactly_the_headers_of_the_ticket(self) -> None:
        async with a_provider() as provider:
            await provider.send_one()
        [put] = provider.puts
        assert put["headers"].pop("Host")
        assert put["headers"] == {
            "Content-Type": "image/png",
            "If-None-Match": "*",
            "x-amz-acl": "a",
            "Content-Length": str(len(PNG)),
        }
        assert put["body"] == PNG

    async def test_keeps_the_address_of_the_ticket_as_it_is(self) -> None:
        async with a_provider(query="X-Sig=a%2Fb%20c%3D&e=") as provider:
            await provider.send_one()
        assert provider.puts[0]["path"] == "/storage/%7Ea?X-Sig=a%2Fb%20c%3D&e="

    @pytest.mark.parametrize(
        "wrong",
        [
            {"upload": None},
            {"upload": {"method": "POST", "url": "https://x.example/"}},
            {"upload": {"method": "PUT"}},
            {"upload": {"method": "PUT", "url": "file:///etc/passwd"}},
            {"upload": {"method": "PUT", "url": "ftp://x.example/"}},
            {"upload": {"method": "PUT", "url": "https://x.example/", "headers": {"a": 1}}},
            {"upload": {"method": "PUT", "url": "https://x.example/", "headers": ["a"]}},
            {"download_url": None},
            {"download_url": "javascript:alert(1)"},
            {"download_url": "/relative.png"},
        ],
    )
    async def test_refuses_a_ticket_that_makes_no_sense(self, wrong: dict[str, Any]) -> None:
        async with a_provider(ticket=wrong) as provider:
            with pytest.raises(RefusedError, match="not understood"):
                await provider.send_one()
        assert provider.puts == []


class TestFailures:
    @pytest.mark.parametrize(("kind", "reason"), [("upload_401", "401: Invalid API key"), ("upload_403", "403: Permission denied")])
    @pytest.mark.parametrize("flow", ["binary", "ticket"])
    async def test_are_told_when_they_are_final(
        self, simulator: RunningSimulator, control: httpx2.AsyncClient, flow: UploadFlow, kind: str, reason: str
    ) -> None:
        await fault(control, kind)
        async with client(f"{simulator.url}/api/v3", flow) as uploads:
            with pytest.raises(RefusedError, match=reason):
                await uploads.send(an_upload())

    @pytest.mark.parametrize("kind", ["upload_429", "upload_500", "upload_502"])
    @pytest.mark.parametrize("flow", ["binary", "ticket"])
    async def test_are_passing_when_the_provider_is_in_trouble(
        self, simulator: RunningSimulator, control: httpx2.AsyncClient, flow: UploadFlow, kind: str
    ) -> None:
        await fault(control, kind)
        async with client(f"{simulator.url}/api/v3", flow) as uploads:
            with pytest.raises(BusyError):
                await uploads.send(an_upload())
        assert len(await asked(simulator)) == 1

    async def test_keep_the_wait_that_the_provider_asks_for(self, uploads: Uploads, control: httpx2.AsyncClient) -> None:
        await fault(control, "upload_429", retry_after=17)
        with pytest.raises(BusyError) as caught:
            await uploads.send(an_upload())
        assert caught.value.retry_after_s == 17

    @pytest.mark.parametrize(
        ("kind", "error"), [("upload_put_403", RefusedError), ("upload_put_500", BusyError), ("upload_put_503", BusyError)]
    )
    async def test_of_the_storage_count_the_same(
        self, uploads: Uploads, control: httpx2.AsyncClient, kind: str, error: type[Exception]
    ) -> None:
        await gone(control)
        await fault(control, kind)
        with pytest.raises(error):
            await uploads.send(an_upload())

    @pytest.mark.parametrize(("kind", "flow"), [("upload_cut", "binary"), ("upload_cut", "ticket"), ("upload_put_cut", "ticket")])
    @pytest.mark.parametrize("content", [PNG, LARGE], ids=["small", "large"])
    async def test_of_the_connection_are_tried_again_once(
        self, simulator: RunningSimulator, control: httpx2.AsyncClient, kind: str, flow: UploadFlow, content: bytes
    ) -> None:
        await fault(control, kind)
        async with client(f"{simulator.url}/api/v3", flow) as uploads:
            assert (await stored(await uploads.send(an_upload(content))))[0] == content
            await fault(control, kind, times=2)
            with pytest.raises(BusyError):
                await uploads.send(an_upload(content))
        assert len(await asked(simulator)) == 4

    async def test_to_connect_are_passing(self) -> None:
        async with client("http://127.0.0.1:9") as uploads:
            with pytest.raises(BusyError):
                await uploads.send(an_upload())

    @pytest.mark.parametrize(
        ("kind", "error"), [("api_html", RefusedError), ("api_garbage", RefusedError), ("api_envelope_error", BusyError)]
    )
    async def test_of_the_answer_are_seen(
        self, uploads: Uploads, control: httpx2.AsyncClient, kind: str, error: type[Exception]
    ) -> None:
        await fault(control, kind, match={"path": "/media/"})
        with pytest.raises(error):
            await uploads.send(an_upload())

    async def test_never_show_the_key(self) -> None:
        message = f"Invalid key {SIMULATOR_KEY}\r\nX: y"
        async with a_provider(answer=web.json_response({"code": 401, "message": message}, status=401)) as provider:
            with pytest.raises(RefusedError) as caught:
                await provider.send_one()
        assert caught.value.reason == "401: Invalid key ***X: y"

    async def test_are_short(self) -> None:
        async with a_provider(answer=web.json_response({"code": 400, "message": "x" * 10_000}, status=400)) as provider:
            with pytest.raises(RefusedError) as caught:
                await provider.send_one()
        assert len(caught.value.reason) <= 300

    async def test_take_no_redirect(self) -> None:
        elsewhere = web.Response(status=307, headers={"Location": "https://evil.example/"})
        async with a_provider(answer=elsewhere) as provider:
            with pytest.raises(RefusedError, match="307"):
                await provider.send_one()


class _Provider:
    """A provider that gives tickets only, or one fixed answer."""

    def __init__(self, answer: web.Response | None, ticket: dict[str, Any], query: str) -> None:
        self.answer, self.ticket, self.query = answer, ticket, query
        self.url = ""
        self.puts: list[dict[str, Any]] = []

    async def send_one(self) -> str:
        async with client(f"{self.url}/api/v3", "ticket") as uploads:
            return await uploads.send(an_upload())

    async def give(self, _: web.Request) -> web.Response:
        put = {
            "method": "put",
            "url": f"{self.url}/storage/%7Ea?{self.query}",
            "headers": {"Content-Type": "image/png", "If-None-Match": "*", "x-amz-acl": "a"},
        }
        data = {"download_url": "https://cdn.example/a.png", "upload": put} | self.ticket
        return self.answer or web.json_response({"code": 200, "message": "success", "data": data})

    async def take(self, request: web.Request) -> web.Response:
        self.puts.append({"path": request.raw_path, "headers": dict(request.headers), "body": await request.read()})
        return web.Response(status=204)


@asynccontextmanager
async def a_provider(
    *, answer: web.Response | None = None, ticket: dict[str, Any] | None = None, query: str = "sig=1"
) -> AsyncIterator[_Provider]:
    provider = _Provider(answer, ticket or {}, query)
    application = web.Application()
    application.router.add_post("/api/v3/media/uploads", provider.give)
    application.router.add_put("/storage/{name}", provider.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()
