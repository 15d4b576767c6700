"""X-Request-ID: taken over when it is well formed, else made; on every answer there is."""

import re

import httpx2
import pytest

from tests.factories import Shop, changed, new_telegram_id, open_shop

MADE = re.compile(r"[0-9a-f]{32}")


async def answered_id(shop: Shop, sent: str | bytes | None, path: str = "/health") -> str:
    headers = [(b"X-Request-ID", sent.encode() if isinstance(sent, str) else sent)] if sent is not None else []
    return (await shop.http.get(path, headers=headers)).headers["X-Request-ID"]


class TestRequestId:
    async def test_is_taken_over_when_it_is_well_formed(self, shop: Shop) -> None:
        for sent in ("a", "0", "A-Z_a.z-0", "x" * 128, "550e8400-e29b-41d4-a716-446655440000"):
            assert await answered_id(shop, sent) == sent

    async def test_is_made_when_it_is_not(self, shop: Shop) -> None:
        for sent in (None, "", "x" * 129, "a b", "a/b", "a,b", "a\tb", "<script>", "ў", b"\xff", "a;b", '"a"'):
            assert MADE.fullmatch(await answered_id(shop, sent)), sent

    async def test_is_another_one_each_time(self, shop: Shop) -> None:
        assert len({await answered_id(shop, None) for _ in range(20)}) == 20

    async def test_is_in_the_body_of_errors(self, shop: Shop) -> None:
        answer = await shop.http.get("/users/1/balance", headers={"X-Request-ID": "me"})

        assert (answer.status_code, answer.json()["request_id"]) == (404, "me")

    async def test_goes_with_the_job_that_it_caused(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        body = {"telegram_id": somebody, "model_id": 1, "prompt": "a door"}
        await busy_shop.http.post("/generations/submit", json=body, headers={"X-Request-ID": "from-the-bot"})

        assert await busy_shop.eyes.fetchval("SELECT request_id FROM generation_requests") == "from-the-bot"


class TestEveryAnswer:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 200),
            ("GET", "/api/v1/models", 200),
            ("GET", "/nothing", 404),
            ("POST", "/api/v1/models", 405),
            ("POST", "/api/v1/generations/submit", 422),
            ("GET", "/api/v1/generations/1?telegram_id=1", 404),
            ("GET", "/openapi.json", 200),
        ],
    )
    async def test_carries_one(self, shop: Shop, method: str, path: str, status: int) -> None:
        answer = await shop.http.request(method, shop.base_url + path, headers={"X-Request-ID": "me"})

        assert (answer.status_code, answer.headers.get_list("X-Request-ID")) == (status, ["me"])

    async def test_without_a_key_carries_one(self, shop: Shop) -> None:
        answer = await shop.http.get("/users/1/trial", headers={"Authorization": "", "X-Request-ID": "me"})

        assert (answer.status_code, answer.headers["X-Request-ID"]) == (401, "me")


class TestCors:
    async def preflight(self, shop: Shop, origin: str) -> httpx2.Response:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "Authorization, Content-Type, Idempotency-Key, X-Request-ID",
            "X-Request-ID": "me",
        }
        return await shop.http.options("/generations/submit", headers=headers)

    async def test_preflight_of_an_allowed_origin_carries_the_id(self, shop: Shop) -> None:
        async with open_shop(
            changed(shop.settings, cors_origins="https://a.example,https://b.example"), shop.simulator
        ) as open_to_two:
            for origin in ("https://a.example", "https://b.example"):
                answer = await self.preflight(open_to_two, origin)
                assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
                assert answer.headers["X-Request-ID"] == "me"

    async def test_preflight_of_another_origin_is_refused(self, shop: Shop) -> None:
        async with open_shop(changed(shop.settings, cors_origins="https://a.example"), shop.simulator) as closed:
            answer = await self.preflight(closed, "https://evil.example")

        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
        assert (answer.json()["code"], answer.json()["request_id"]) == ("cors_refused", "me")
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert (answer.headers["X-Request-ID"], "Origin" in answer.headers["Vary"]) == ("me", True)

    async def test_lets_a_page_read_the_id_and_when_to_come_back(self, shop: Shop) -> None:
        async with open_shop(changed(shop.settings, cors_origins="https://a.example"), shop.simulator) as open_to_one:
            answer = await open_to_one.http.get("/health", headers={"Origin": "https://a.example"})

        exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
        assert exposed >= {"X-Request-ID", "Retry-After"}

    async def test_is_off_unless_origins_are_named(self, shop: Shop) -> None:
        answer = await shop.http.get("/health", headers={"Origin": "https://a.example"})

        assert "Access-Control-Allow-Origin" not in answer.headers
