"""Uploads over HTTP: a picture arrives at the provider, everything else is refused with the right problem."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from app.core.config import Settings
from app.deps import body
from simulator.server import RunningSimulator
from tests.factories import NO_TLS, Shop, changed, open_shop
from tests.forms import BOUNDARY, FORM_TYPE, a_file, a_form, a_part, a_stream
from tests.pictures import ENDINGS, MEDIA_TYPES, a_picture, jpeg_header, png_bomb, webp_canvas

PNG = a_picture("PNG")
LARGE = a_picture("PNG", 2400, 2000, noise=True)
MB = 1024 * 1024


async def upload(shop: Shop, content: bytes = PNG, filename: str = "cat.png", **more: Any) -> httpx2.Response:
    return await shop.http.post("/media/upload", files={"file": (filename, content, "image/png")}, **more)


async def post(shop: Shop, content: Any, content_type: str | None = FORM_TYPE, **headers: str) -> httpx2.Response:
    types = {"Content-Type": content_type} if content_type is not None else {}
    return await shop.http.post("/media/upload", content=content, headers=types | headers)


def is_problem(answer: httpx2.Response, status: int, code: str) -> bool:
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == problem["request_id"]
    return True


async def nothing_was_sent(shop: Shop) -> bool:
    log = (await shop.control.get("/log", params={"path": "/media/"})).json()
    assert log["requests"] == []
    return True


class TestUpload:
    @pytest.mark.parametrize("kind", MEDIA_TYPES)
    async def test_stores_a_picture_by_its_bytes(self, shop: Shop, kind: str) -> None:
        content = a_picture(kind)
        answer = await upload(shop, content, "My cat.gif")
        assert answer.status_code == 200, answer.text
        stored = answer.json()
        assert stored == {"download_url": stored["download_url"], "filename": f"My cat{ENDINGS[kind]}", "size": len(content)}
        async with httpx2.AsyncClient(verify=NO_TLS) as anybody:
            got = await anybody.get(stored["download_url"])
        assert (got.content, got.headers["content-type"]) == (content, MEDIA_TYPES[kind])

    async def test_stores_a_large_one(self, shop: Shop) -> None:
        assert len(LARGE) > 13 * MB
        answer = await upload(shop, LARGE)
        assert (answer.status_code, answer.json()["size"]) == (200, len(LARGE))

    async def test_takes_a_form_without_length(self, shop: Shop) -> None:
        form = a_file(LARGE)
        answer = await post(shop, a_stream(form[at : at + 30_000] for at in range(0, len(form), 30_000)))
        assert answer.status_code == 200, answer.text

    async def test_can_be_ordered_with(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(3)
        url = (await upload(busy_shop)).json()["download_url"]
        generation = await busy_shop.order(somebody, reference_urls=[url])
        assert (await busy_shop.follow(generation, somebody))["status"] == "completed"
        await busy_shop.check_books()

    @pytest.mark.parametrize("status", [404, 405, 410])
    async def test_goes_by_ticket_when_the_binary_upload_is_gone(self, shop: Shop, status: int) -> None:
        (await shop.control.put("/config", json={"binary_upload_gone": status})).raise_for_status()
        for _ in range(2):
            answer = await upload(shop, LARGE)
            assert answer.status_code == 200, answer.text
        log = (await shop.control.get("/log", params={"method": "POST", "path": "/media/"})).json()["requests"]
        assert [entry["path"].removeprefix("/api/v3/media/") for entry in log] == ["upload/binary", "uploads", "uploads"]

    async def test_of_many_at_once_are_kept_apart(self, shop: Shop) -> None:
        contents = [a_picture("PNG", 40 + n, 30) for n in range(30)]
        answers = await asyncio.gather(*(upload(shop, content) for content in contents))
        async with httpx2.AsyncClient(verify=NO_TLS) as anybody:
            stored = [(await anybody.get(answer.json()["download_url"])).content for answer in answers]
        assert stored == contents

    @pytest.mark.case(20)
    async def test_cleans_the_name(self, shop: Shop) -> None:
        disposition = r'form-data; name="file"; filename="..\..\etc/passwd%00<b>.exe"'
        answer = await post(shop, a_form(a_part(PNG, disposition)))
        assert answer.json()["filename"] == "passwd00b.png"


class TestCaller:
    async def test_needs_a_key(self, shop: Shop) -> None:
        async with httpx2.AsyncClient(base_url=shop.base_url, verify=NO_TLS) as stranger:
            answer = await stranger.post("/api/v1/media/upload", files={"file": ("cat.png", PNG)})
        assert is_problem(answer, 401, "unauthorized")
        assert await nothing_was_sent(shop)


class TestTooLarge:
    @pytest.mark.parametrize("head", [PNG[:33], b"x"], ids=["picture", "no picture"])
    @pytest.mark.parametrize("has_length", [True, False])
    async def test_is_refused(self, shop: Shop, head: bytes, has_length: bool) -> None:
        form = a_file(head + bytes(20 * MB))
        content = form if has_length else a_stream(form[at : at + MB] for at in range(0, len(form), MB))
        assert is_problem(await post(shop, content), 413, "upload_too_large")
        assert await nothing_was_sent(shop)

    async def test_is_refused_by_its_length_before_it_is_read(self, shop: Shop) -> None:
        reader, writer = await connect(shop, "Content-Length: 52428800", "Expect: 100-continue")
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        assert status.startswith(b"HTTP/1.1 413")

    @pytest.mark.case(20)
    async def test_stream_without_length_is_refused_while_it_is_sent(self, shop: Shop) -> None:
        sent = 0

        def fifty_megabytes() -> Iterator[bytes]:
            nonlocal sent
            yield a_part(PNG)[:-2]
            while sent < 50 * MB:
                sent += 65_536
                yield bytes(65_536)

        assert is_problem(await post(shop, a_stream(fifty_megabytes())), 413, "upload_too_large")
        assert await nothing_was_sent(shop)

    @pytest.mark.case(20)
    @pytest.mark.parametrize(
        "content",
        [png_bomb(30_000, 30_000), jpeg_header(65_535, 65_535) + bytes(100), webp_canvas(16_000, 16_000) + bytes(100)],
        ids=["png of 100 kB and 900 megapixels", "jpeg", "webp"],
    )
    async def test_picture_is_refused_by_its_pixels(self, shop: Shop, content: bytes) -> None:
        answer = await upload(shop, content)
        assert is_problem(answer, 413, "upload_too_large")
        assert "40 megapixels" in answer.json()["detail"]
        assert await nothing_was_sent(shop)


class TestWrongType:
    @pytest.mark.case(20)
    @pytest.mark.parametrize(
        "content",
        [
            b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>',
            b"<!doctype html><script>alert(1)</script>",
            a_picture("GIF"),
            b"GIF89a/*" + PNG,
            b"\x89PNG\r\n\x1a\n" + b"<script>alert(1)</script>" * 4,
            PNG[:20],
            b"%PDF-1.7\n" + PNG,
        ],
        ids=["svg", "html", "gif", "gif before png", "png and html", "png cut", "pdf before png"],
    )
    async def test_is_refused_whatever_it_is_called(self, shop: Shop, content: bytes) -> None:
        assert is_problem(await upload(shop, content, "cat.png"), 415, "unsupported_media_type")
        assert await nothing_was_sent(shop)

    @pytest.mark.parametrize(
        "content_type", [None, "image/png", "application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
    )
    async def test_is_refused_when_it_is_no_form(self, shop: Shop, content_type: str | None) -> None:
        assert is_problem(await post(shop, a_file(PNG), content_type), 415, "unsupported_media_type")


class TestWrongForm:
    @pytest.mark.parametrize(
        "form",
        [
            a_form(),
            a_file(b""),
            a_form(a_part(PNG), a_part(PNG)),
            a_form(a_part(PNG, 'form-data; name="picture"; filename="cat.png"')),
            a_form(a_part(PNG), a_part(b"1", 'form-data; name="telegram_id"')),
            a_file(PNG)[:-30],
            b"",
            b"hello",
        ],
        ids=["no part", "empty file", "two files", "other field", "more fields", "cut", "empty", "garbage"],
    )
    async def test_is_refused(self, shop: Shop, form: bytes) -> None:
        answer = await post(shop, form)
        assert is_problem(answer, 422, "validation_error")
        assert [set(error) for error in answer.json()["errors"]] == [{"field", "message"}]
        assert await nothing_was_sent(shop)


class TestProvider:
    async def test_without_a_key_is_not_configured(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, wavespeed_api_key=None), simulator) as shop:
            assert is_problem(await upload(shop), 400, "provider_not_configured")

    @pytest.mark.parametrize(("kind", "reason"), [("upload_401", "Invalid API key"), ("upload_403", "Permission denied")])
    async def test_refusal_is_told(self, shop: Shop, kind: str, reason: str) -> None:
        await shop.fault(kind)
        answer = await upload(shop)
        assert is_problem(answer, 502, "provider_error")
        assert reason in answer.json()["detail"]

    @pytest.mark.parametrize(("kind", "times"), [("upload_500", 1), ("upload_502", 1), ("upload_429", 1), ("upload_cut", 2)])
    async def test_trouble_may_be_tried_again_later(self, shop: Shop, kind: str, times: int) -> None:
        await shop.fault(kind, times=times)
        answer = await upload(shop)
        assert is_problem(answer, 503, "provider_unavailable")
        assert int(answer.headers["retry-after"]) >= 1

    async def test_lost_connection_is_tried_again_at_once(self, shop: Shop) -> None:
        await shop.fault("upload_cut")
        assert (await upload(shop)).status_code == 200


async def connect(shop: Shop, *more: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has sent its headers and goes on as it likes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(shop.base_url).port)
    key = shop.http.headers["Authorization"]
    lines = ["POST /api/v1/media/upload HTTP/1.1", "Host: x", f"Authorization: {key}", f"Content-Type: {FORM_TYPE}", *more, "", ""]
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return reader, writer


class TestSlowClient:
    async def test_is_left(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "IDLE_TIMEOUT_S", 0.2)
        reader, writer = await connect(shop, "Content-Length: 5000")
        writer.write(f"--{BOUNDARY}\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"request_timeout" in answer
        writer.close()

    async def test_is_left_when_it_drips(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "TOTAL_TIMEOUT_S", 0.3)
        reader, writer = await connect(shop, "Content-Length: 5000")
        answered = asyncio.ensure_future(reader.readline())
        while not answered.done():
            writer.write(b"\r\n")
            await asyncio.sleep(0.05)
        assert (await answered).startswith(b"HTTP/1.1 408")
        writer.close()

    async def test_that_leaves_leaves_no_trace(self, shop: Shop) -> None:
        _, writer = await connect(shop, "Content-Length: 5000")
        writer.write(f"--{BOUNDARY}\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await asyncio.sleep(0.1)
        assert (await upload(shop)).status_code == 200
