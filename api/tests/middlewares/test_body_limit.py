"""Bodies: at most 64 kB and 64 levels, however they arrive, and never a 500."""

import asyncio
import json
import random
from collections.abc import AsyncIterator

import httpx2
import pytest

from app.middlewares import body_limit
from app.middlewares.body_limit import NESTING_MAX, nesting_of
from tests.credentials import bearer
from tests.factories import BOT_KEY, NO_TLS, Shop, an_order, new_telegram_id

LIMIT = 64 * 1024
JSON = {"Content-Type": "application/json"}


def sync_of(size: int) -> bytes:
    """A body of exactly this many bytes that is valid but for one long field."""
    start, end = b'{"telegram_id": 7, "first_name": "', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


async def pieces(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]
        await asyncio.sleep(0)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth_of(each) for each in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(each) for each in value), default=0)
    return 0


class TestSize:
    async def test_of_the_limit_is_read_and_of_a_byte_more_is_not(self, shop: Shop) -> None:
        for content, status, code in (
            (sync_of(LIMIT), 422, "validation_error"),
            (sync_of(LIMIT + 1), 413, "payload_too_large"),
            (pieces(sync_of(LIMIT)), 422, "validation_error"),
            (pieces(sync_of(LIMIT + 1)), 413, "payload_too_large"),
        ):
            answer = await shop.http.post("/users/sync", content=content, headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-request-id"] == answer.json()["request_id"]

    @pytest.mark.parametrize("path", ["/users/sync", "/generations/submit", "/admin/credits", "/nowhere", "/models"])
    async def test_is_limited_on_every_route_and_for_everybody(self, shop: Shop, path: str) -> None:
        async with httpx2.AsyncClient(base_url=f"{shop.base_url}/api/v1", verify=NO_TLS) as http:
            assert (await http.post(path, content=b"[" * 10**6, headers=JSON)).status_code == 413

    async def test_is_counted_while_it_streams(self, shop: Shop) -> None:
        """An endless body is left after the limit: the answer is there while the client still sends."""
        host, _, port = shop.base_url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"POST /api/v1/users/sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BOT_KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head.encode())
        sent = 0
        async with asyncio.timeout(10):
            while sent < 80_000:
                writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
                sent += 1000
                await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 413")

    async def test_is_not_this_limits_business_for_uploads(self, shop: Shop) -> None:
        answer = await shop.http.post("/media/upload", files={"file": ("a.png", b"x" * 100_000, "image/png")})
        assert answer.status_code == 415


class TestNesting:
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"[" * 60_000, id="open arrays"),
            pytest.param(b"[" * 30_000 + b"]" * 30_000, id="arrays"),
            pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="objects"),
            pytest.param(b'{"telegram_id":' + b"[" * 20_000 + b"]" * 20_000 + b"}", id="in a field"),
            pytest.param(b'{"x": "\\"' + b"[" * 100 + b'", "y": ' + b"[" * 20_000, id="after a text with brackets"),
            pytest.param(("[" * 10_000).encode("utf-16"), id="UTF-16"),
            pytest.param(('"\u2222"' + "[" * 10_000).encode("utf-16-le"), id="UTF-16 with a byte that looks like a quote"),
            pytest.param(("[" * 5_000).encode("utf-32"), id="UTF-32"),
            pytest.param(b'{"telegram_id": ' + b"9" * 50_000 + b"}", id="a number of 50,000 digits"),
            pytest.param(b'{"telegram_id": 1e99999}', id="a number beyond all numbers"),
            pytest.param(b'{"telegram_id": NaN}', id="not a number"),
            pytest.param(b'{"telegram_id": 7, "first_name": "\xff\xfe"}', id="no UTF-8"),
            pytest.param(b'{"telegram_id": 7, "first_name": "\\ud800"}', id="half a character"),
            pytest.param(b'{"telegram_id": 7, "\\ud800": 1}', id="half a character as a name"),
            pytest.param(b'{"telegram_id": 7, "first_name": "\\u0000"}', id="NUL"),
            pytest.param(b'{"' + b'": 1, "'.join(b"%d" % number for number in range(4000)) + b'": 1}', id="4,000 unknown fields"),
            pytest.param(b"{", id="cut off"),
            pytest.param(b"", id="empty"),
            pytest.param(b"null", id="null"),
            pytest.param(b"[]", id="a list"),
        ],
    )
    @pytest.mark.parametrize("path", ["/users/sync", "/generations/submit"])
    async def test_and_other_bombs_are_refused_as_not_valid(self, shop: Shop, path: str, body: bytes) -> None:
        answer = await shop.http.post(path, content=body, headers=JSON)

        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
        assert answer.json()["errors"][0]["field"]
        assert len(answer.content) < 20_000

    async def test_of_a_body_with_many_brackets_in_a_text_is_no_nesting(self, shop: Shop) -> None:
        order = an_order(new_telegram_id(), prompt="[{" * 500)
        assert (await shop.http.post("/generations/submit", json=order)).status_code == 202

    async def test_of_a_wide_body_is_no_nesting(self, shop: Shop) -> None:
        order = an_order(new_telegram_id(), client_context={"lists": [[] for _ in range(300)]})
        assert (await shop.http.post("/generations/submit", json=order)).status_code == 202

    def test_is_measured_as_a_parser_would(self) -> None:
        dice = random.Random(7)  # noqa: S311 - repeatable on purpose

        def something(levels: int) -> object:
            kind = dice.randrange(4) if levels else 3
            if kind == 0:
                return [something(levels - 1) for _ in range(dice.randrange(4))]
            if kind == 1:
                names = [f"{dice.choice(['[', '{', chr(34), chr(92), 'a'])}{each}" for each in range(dice.randrange(4))]
                return {name: something(levels - 1) for name in names}
            return dice.choice([1, None, "[[[", '"{', "\\\\", "]]", "ў"])

        values = [something(8) for _ in range(2000)]
        assert [nesting_of(json.dumps(value).encode()) for value in values] == [depth_of(value) for value in values]

    async def test_up_to_the_limit_reaches_the_route(self, shop: Shop) -> None:
        levels = NESTING_MAX - 1
        body = b'{"telegram_id": ' + b"[" * levels + b"]" * levels + b"}"
        answer = await shop.http.post("/users/sync", content=body, headers=JSON)
        assert answer.json()["errors"][0]["field"] == "telegram_id"


class TestClients:
    async def test_that_leave_in_the_middle_leave_nothing_behind(self, shop: Shop) -> None:
        host, _, port = shop.base_url.removeprefix("http://").partition(":")
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            head = f"POST /api/v1/users/sync HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BOT_KEY}\r\nContent-Length: 1000\r\n\r\n"
            writer.write(head.encode() + b'{"telegram_id"')
            await writer.drain()
            writer.close()
        async with httpx2.AsyncClient(base_url=shop.base_url, headers=bearer(BOT_KEY), verify=NO_TLS) as http:
            assert (await http.get("/api/v1/health")).status_code == 200
        assert await shop.eyes.fetchval("SELECT count(*) FROM users") == 0

    async def test_that_stop_in_the_middle_are_told_so(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body_limit, "READ_TIMEOUT_S", 0.2)
        host, _, port = shop.base_url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /api/v1/users/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"code":"request_timeout"' in answer
