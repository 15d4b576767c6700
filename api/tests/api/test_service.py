"""The service about itself: who answers, whether it lives, whether orders can be taken."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import httpx2
import pytest

from app.core.config import Settings
from simulator.server import RunningSimulator
from tests import running
from tests.factories import NO_TLS, Shop, an_order, changed, new_telegram_id, open_shop


@pytest.fixture
async def stranger(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody without any key."""
    async with httpx2.AsyncClient(base_url=shop.base_url, verify=NO_TLS) as http:
        yield http


def dead_redis() -> str:
    """An address where nothing answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{free.getsockname()[1]}/0"


class TestRoot:
    async def test_says_who_answers_to_everybody(self, shop: Shop, stranger: httpx2.AsyncClient) -> None:
        answer = await stranger.get("/")

        assert answer.status_code == 200
        assert answer.json() == {"name": "Rassom", "version": shop.settings.app_version, "environment": "local"}


class TestHealth:
    async def test_says_for_how_long_and_to_which_request(self, stranger: httpx2.AsyncClient) -> None:
        body = (await stranger.get("/api/v1/health", headers={"X-Request-ID": "me-1"})).json()

        assert set(body) == {"status", "uptime_seconds", "request_id"}
        assert (body["status"], body["request_id"]) == ("ok", "me-1")
        assert 0 <= body["uptime_seconds"] < 60

    async def test_touches_nothing(self, settings: Settings) -> None:
        nowhere = changed(
            settings, database_url="postgresql://rassom@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1", bootstrap_api_key=None
        )
        async with running.api(nowhere) as base_url, httpx2.AsyncClient(base_url=base_url, verify=NO_TLS) as http:
            assert (await http.get("/api/v1/health")).status_code == 200


class TestInfo:
    async def test_says_where_the_documentation_is(self, shop: Shop, stranger: httpx2.AsyncClient) -> None:
        body = (await stranger.get("/api/v1/info")).json()

        assert body == {
            "name": "Rassom",
            "version": shop.settings.app_version,
            "environment": "local",
            "docs_url": shop.settings.docs_url,
        }


class TestReady:
    async def test_is_ok_when_every_part_answers(self, stranger: httpx2.AsyncClient) -> None:
        answer = await stranger.get("/api/v1/ready")

        body = answer.json()
        assert (answer.status_code, body["status"]) == (200, "ok")
        assert {name: check["ok"] for name, check in body["checks"].items()} == dict.fromkeys(
            ("database", "redis", "migrations", "provider"), True
        )
        assert all(check["latency_ms"] >= 0 for check in body["checks"].values())

    async def test_is_degraded_without_redis_and_orders_are_taken(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, redis_url=dead_redis()), simulator) as shop:
            answer = await shop.http.get("/ready")
            order = await shop.submit(new_telegram_id())

        body = answer.json()
        assert (answer.status_code, body["status"], body["checks"]["redis"]["ok"]) == (200, "degraded", False)
        assert body["checks"]["redis"]["detail"]
        assert order.status_code == 202

    async def test_is_degraded_without_a_provider_key(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, wavespeed_api_key=None), simulator) as shop:
            answer = await shop.http.get("/ready")

        body = answer.json()
        assert (answer.status_code, body["status"], body["checks"]["provider"]["ok"]) == (200, "degraded", False)

    async def test_is_503_before_the_migrations(self, shop: Shop, stranger: httpx2.AsyncClient) -> None:
        await shop.eyes.execute("UPDATE alembic_version SET version_num = '0001'")

        answer = await stranger.get("/api/v1/ready")

        body = answer.json()
        assert (answer.status_code, body["status"]) == (503, "unavailable")
        assert (body["checks"]["database"]["ok"], body["checks"]["migrations"]["ok"]) == (True, False)
        assert "0001" in body["checks"]["migrations"]["detail"]


class TestADatabaseThatGoesAway:
    @pytest.fixture
    async def detour(self, settings: Settings, simulator: RunningSimulator, tmp_path: Path) -> AsyncIterator[tuple[Shop, Path]]:
        """A shop whose way to the database is a link that a test may cut."""
        dsn = settings.database_dsn or ""
        (socket_dir,) = parse_qs(urlsplit(dsn).query)["host"]
        link = tmp_path / "s"
        link.symlink_to(socket_dir)
        detoured = dsn.replace(f"host={quote(socket_dir)}", f"host={quote(str(link))}")
        async with open_shop(changed(settings, database_url=detoured), simulator) as shop:
            yield shop, link

    async def test_is_503_and_comes_back(self, detour: tuple[Shop, Path]) -> None:
        shop, link = detour
        target = link.readlink()
        somebody = await shop.rich_user(3)
        link.unlink()
        await shop.eyes.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rassom api'"
            " AND datname = current_database()"
        )

        ready = await shop.http.get("/ready")
        order = await shop.http.post("/generations/submit", json=an_order(somebody))
        health = await shop.http.get("/health")
        link.symlink_to(target)

        assert (ready.status_code, ready.json()["status"], health.status_code) == (503, "unavailable", 200)
        assert (order.status_code, order.json()["code"], order.headers["Retry-After"]) == (503, "service_unavailable", "1")
        assert (await shop.http.get("/ready")).json()["status"] == "ok"
        assert (await shop.submit(somebody)).status_code == 202
        assert await shop.balance(somebody) == (2, 1)

    @pytest.mark.case(24)
    async def test_that_is_slow_to_lock_is_503_and_nothing_is_held(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        other = await asyncpg.connect(shop.settings.database_dsn)
        try:
            async with other.transaction():
                await other.execute("LOCK TABLE generation_requests IN ACCESS EXCLUSIVE MODE")
                answer = await shop.submit(somebody)
        finally:
            await other.close()

        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert await shop.balance(somebody) == (3, 0)
