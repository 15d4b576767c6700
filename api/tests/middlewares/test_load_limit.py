"""The cap on requests at once: what is above it is told so at once, and a place is held by nobody who is not being worked for."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx2
import pytest
from prometheus_client import REGISTRY

from app.core.config import Settings
from app.middlewares import load_limit
from tests.factories import BOT_KEY, Shop, an_order, changed, new_telegram_id, written_log

PLACES = 2
PAGE = "https://shop.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, requests_at_once_max=PLACES, cors_origins=[PAGE], log_level="info")


@asynccontextmanager
async def everything_held_up(shop: Shop) -> AsyncIterator[None]:
    """While the block runs, orders wait for a lock in the database."""
    other = await asyncpg.connect(shop.settings.database_dsn)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE generation_requests IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await other.close()


async def until_at_once(number: int) -> None:
    async with asyncio.timeout(5):
        while REGISTRY.get_sample_value("rassom_requests_at_once") != number:
            await asyncio.sleep(0.005)


async def an_unheld_answer(shop: Shop) -> httpx2.Response:
    """What a request gets that needs a place and waits for no lock."""
    return await shop.http.get("/sizes")


async def begin(shop: Shop, path: str, *, body: bytes, length: int, kind: str = "application/json") -> asyncio.StreamWriter:
    """Send this much of a body that shall have that length."""
    host, _, port = shop.base_url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BOT_KEY}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    return writer


class TestAboveTheCap:
    async def test_is_refused_at_once_while_the_others_are_worked_for(self, shop: Shop) -> None:
        async with asyncio.TaskGroup() as group, everything_held_up(shop):
            taken = [group.create_task(shop.submit(new_telegram_id())) for _ in range(PLACES)]
            await until_at_once(PLACES)
            began_s = time.monotonic()
            refused = await shop.http.get("/sizes", headers={"Origin": PAGE, "X-Request-ID": "me-1"})
            took_s = time.monotonic() - began_s
        await until_at_once(0)

        assert (refused.status_code, refused.json()["code"], refused.json()["request_id"]) == (503, "service_unavailable", "me-1")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["x-request-id"] == "me-1"
        assert refused.headers["access-control-allow-origin"] == PAGE
        assert took_s < 1
        assert [task.result().status_code for task in taken] == [202] * PLACES
        assert (await an_unheld_answer(shop)).status_code == 200

    async def test_is_no_reason_to_fail_a_probe_or_a_webhook(self, shop: Shop) -> None:
        async with asyncio.TaskGroup() as group, everything_held_up(shop):
            for _ in range(PLACES):
                group.create_task(shop.submit(new_telegram_id()))
            await until_at_once(PLACES)
            answers = [await shop.http.get(path) for path in ("/health", "/ready")]
            webhook = await shop.http.post("/webhooks/wavespeed/x", json={})

        assert [answer.status_code for answer in answers] == [200, 200]
        assert webhook.status_code == 404

    async def test_is_counted_and_written_down_in_one_line_for_many(self, shop: Shop) -> None:
        counted = REGISTRY.get_sample_value("rassom_busy_refusals_total") or 0
        with written_log() as log:
            async with asyncio.TaskGroup() as group, everything_held_up(shop):
                for _ in range(PLACES):
                    group.create_task(shop.submit(new_telegram_id()))
                await until_at_once(PLACES)
                await asyncio.gather(*(an_unheld_answer(shop) for _ in range(20)))

        assert REGISTRY.get_sample_value("rassom_busy_refusals_total") == counted + 20
        ours = [line for line in log.getvalue().splitlines() if "[app.middlewares." in line]
        assert [sum(word in line for line in ours) for word in ("requests_refused", "/submit", "/sizes")] == [1, PLACES, 0]


class TestPlace:
    async def test_is_given_back_when_the_request_ends_in_an_error(self, shop: Shop) -> None:
        await shop.eyes.execute("ALTER TABLE generation_requests RENAME TO hidden_away")
        for _ in range(PLACES + 1):
            assert (await shop.submit(new_telegram_id())).status_code == 500
        await until_at_once(0)

    async def test_is_given_back_when_a_stream_has_begun(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        path = f"/generations/{(await shop.order(somebody))['id']}/events"
        async with (
            shop.http.stream("GET", path, params={"telegram_id": somebody}) as first,
            shop.http.stream("GET", path, params={"telegram_id": somebody}) as second,
            shop.http.stream("GET", path, params={"telegram_id": somebody}) as third,
        ):
            assert [one.status_code for one in (first, second, third)] == [200] * (PLACES + 1)
            await until_at_once(0)

    @pytest.mark.parametrize(
        ("path", "kind"), [("/generations/submit", "application/json"), ("/media/upload", "multipart/form-data; boundary=x")]
    )
    async def test_is_not_held_by_who_sends_slowly(self, shop: Shop, path: str, kind: str) -> None:
        writers = [await begin(shop, path, body=b"--x\r\n", length=1000, kind=kind) for _ in range(PLACES + 1)]
        await asyncio.sleep(0.2)
        answer = await an_unheld_answer(shop)
        for writer in writers:
            writer.close()

        assert answer.status_code == 200

    async def test_is_given_back_after_a_client_that_left(self, shop: Shop) -> None:
        async with everything_held_up(shop):
            for _ in range(PLACES):
                body = json.dumps(an_order(new_telegram_id())).encode()
                writer = await begin(shop, "/generations/submit", body=body, length=len(body))
                writer.close()
            await until_at_once(PLACES)
        await until_at_once(0)

    async def test_is_not_held_for_long_by_who_waits_for_somebody_else(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        async with asyncio.TaskGroup() as group, everything_held_up(shop):
            for _ in range(PLACES):
                group.create_task(shop.submit(new_telegram_id()))
            await until_at_once(PLACES)
            assert (await an_unheld_answer(shop)).status_code == 503
            monkeypatch.setattr(load_limit, "HELD_MAX_S", 0.0)
            assert (await an_unheld_answer(shop)).status_code == 200
