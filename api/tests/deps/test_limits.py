"""Under which name requests are counted, over HTTP: per key and person, per Telegram user, per address."""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
from starlette.requests import HTTPConnection

from app.core.config import Settings
from app.deps.limits import _address
from app.domain.keys import service as keys
from simulator.server import RunningSimulator
from tests import running
from tests.credentials import BOT_TOKEN, bearer, init_data, tma
from tests.factories import BOT_KEY, NO_TLS, Shop, changed, new_telegram_id, open_shop

BURST = 10
TAPS = 40


@pytest.fixture
def limited(settings: Settings) -> Settings:
    """A burst of ten; one more every second is slow enough not to disturb the count."""
    return changed(settings, rate_limit_enabled=True, rate_limit_rps=1, rate_limit_burst=BURST, bot_token=BOT_TOKEN)


@pytest.fixture
async def limited_shop(limited: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    async with open_shop(limited, simulator) as shop:
        yield shop


def ask(base_url: str, headers: Mapping[str, str]) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=f"{base_url}/api/v1", headers=headers, timeout=20, verify=NO_TLS)


async def statuses(http: httpx2.AsyncClient, path: str, times: int = TAPS, method: str = "GET", **more: Any) -> Counter[int]:
    answers = await asyncio.gather(*(http.request(method, path, **more) for _ in range(times)))
    return Counter(answer.status_code for answer in answers)


class TestServiceKeys:
    async def test_are_not_counted_where_a_bot_takes_its_work(self, limited_shop: Shop) -> None:
        claim = {"limit": 1, "lease_seconds": 1}
        async with ask(limited_shop.base_url, bearer(BOT_KEY)) as http:
            assert await statuses(http, "/deliveries/claim", method="POST", json=claim) == {200: TAPS}
            assert await statuses(http, "/feed-cursors/bot") == {200: TAPS}
            assert await statuses(http, "/admin/broadcasts") == {200: TAPS}
        async with ask(limited_shop.base_url, bearer(BOT_KEY[:-1] + "x")) as guessing:
            assert (await statuses(guessing, "/deliveries/claim", method="POST", json=claim))[429] > 0

    @pytest.mark.parametrize("place", ["path", "query", "body"])
    async def test_are_counted_per_person(self, limited_shop: Shop, place: str) -> None:
        noisy, quiet = new_telegram_id(), new_telegram_id()

        def request(person: int) -> tuple[str, str, dict[str, Any]]:
            return {
                "path": ("GET", f"/users/{person}/ledger", {}),
                "query": ("GET", "/generations/active", {"params": {"telegram_id": person}}),
                "body": ("POST", "/users/sync", {"json": {"telegram_id": person}}),
            }[place]

        async with ask(limited_shop.base_url, bearer(BOT_KEY)) as http:
            method, path, more = request(noisy)
            seen = await statuses(http, path, method=method, **more)
            method, path, more = request(quiet)
            after = await statuses(http, path, times=BURST, method=method, **more)

        assert BURST <= TAPS - seen[429] <= BURST + 8
        assert after[429] == 0

    async def test_with_different_keys_do_not_share(self, limited_shop: Shop) -> None:
        async with limited_shop.resources.transaction() as session:
            _, secret = await keys.create(session, name="other", scopes=["bot"])
        async with ask(limited_shop.base_url, bearer(BOT_KEY)) as one, ask(limited_shop.base_url, bearer(secret)) as other:
            assert (await statuses(one, "/users/7/trial"))[429] > 0
            assert (await statuses(other, "/users/7/trial", times=BURST))[429] == 0

    async def test_without_a_person_are_counted_as_themselves(self, limited_shop: Shop) -> None:
        async with ask(limited_shop.base_url, bearer(BOT_KEY)) as http:
            assert (await statuses(http, "/models"))[429] > 0
            assert (await statuses(http, "/users/7/trial", times=BURST))[429] == 0
        async with ask(limited_shop.base_url, {}) as nobody:
            assert (await statuses(nobody, "/models", times=BURST))[429] == 0


class TestTelegramUsers:
    async def test_are_counted_each_on_their_own(self, limited_shop: Shop) -> None:
        a, b = new_telegram_id(), new_telegram_id()
        async with ask(limited_shop.base_url, tma(init_data(a))) as http:
            # The number that is named does not matter: whoever has no other name cannot take another one.
            seen = await asyncio.gather(*(http.get(f"/users/{person}/trial") for person in range(a, a + TAPS)))
            assert Counter(answer.status_code for answer in seen)[429] > 0
        async with ask(limited_shop.base_url, tma(init_data(b))) as http:
            assert (await statuses(http, f"/users/{b}/trial", times=BURST))[429] == 0


class TestStrangers:
    async def test_share_the_limit_of_their_address(self, limited_shop: Shop) -> None:
        async with ask(limited_shop.base_url, {}) as http:
            seen = await statuses(http, "/models")
            assert BURST <= seen[200] <= BURST + 8
            assert (await http.get("/sizes")).status_code == 429
            assert (await http.get("/nowhere")).status_code == 429

    async def test_cannot_guess_keys_at_full_speed(self, limited_shop: Shop) -> None:
        async with ask(limited_shop.base_url, {}) as http:
            guesses = (bearer(f"rsk_{number:043d}") for number in range(100))
            answers = await asyncio.gather(*(http.get("/users/7/trial", headers=guess) for guess in guesses))
            seen = Counter(answer.status_code for answer in answers)
            assert seen.keys() == {401, 429}
            assert seen[401] <= BURST + 10
            # Not even the right one is looked up now: an answer that differs would make guessing worth while.
            async with limited_shop.resources.transaction() as session:
                _, secret = await keys.create(session, name="fresh", scopes=["bot"])
            assert (await http.get("/users/7/trial", headers=bearer(secret))).status_code == 429

    async def test_do_not_slow_a_known_key_at_the_same_address(self, limited_shop: Shop) -> None:
        async with ask(limited_shop.base_url, {}) as http:
            assert (await http.get("/users/8/trial", headers=bearer(BOT_KEY))).status_code == 404
            await statuses(http, "/users/7/trial", times=100, headers=bearer("rsk_" + "0" * 43))
            await asyncio.sleep(1.1)
            await statuses(http, "/users/7/trial", times=20, headers=bearer("rsk_" + "0" * 43))
            assert (await http.get("/users/8/trial", headers=bearer(BOT_KEY))).status_code == 404

    async def test_do_not_slow_telegram_users_at_the_same_address(self, limited_shop: Shop) -> None:
        person = new_telegram_id()
        async with ask(limited_shop.base_url, {}) as http:
            await statuses(http, "/users/7/trial", times=50, headers=tma(init_data(7, age_s=7200)))
            assert (await http.get(f"/users/{person}/trial", headers=tma(init_data(person)))).status_code == 404

    async def test_are_counted_also_for_bodies_that_are_no_json(self, limited_shop: Shop) -> None:
        headers = {**bearer("rsk_" + "0" * 43), "Content-Type": "application/json"}
        async with ask(limited_shop.base_url, headers) as http:
            seen = await statuses(http, "/users/sync", method="POST", content=b"{")
        assert seen[429] >= TAPS - BURST - 10

    async def test_cannot_choose_their_address(self, limited_shop: Shop) -> None:
        async with ask(limited_shop.base_url, {}) as http:
            answers = [await http.get("/models", headers={"X-Forwarded-For": f"10.0.0.{number}"}) for number in range(BURST + 10)]
        assert {answer.status_code for answer in answers[:BURST]} == {200}
        assert 429 in {answer.status_code for answer in answers}

    async def test_have_the_address_that_a_trusted_proxy_names(self, limited: Settings) -> None:
        async with running.api(changed(limited, forwarded_allow_ips="127.0.0.1")) as base_url, ask(base_url, {}) as http:
            for number in range(3):
                seen = await statuses(http, "/models", times=BURST, headers={"X-Forwarded-For": f"10.0.0.{number}"})
                assert seen[429] == 0


class TestAddresses:
    @pytest.mark.parametrize(
        ("host", "name"),
        [
            ("203.0.113.7", "address:203.0.113.7"),
            ("::ffff:203.0.113.7", "address:203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
            ("fe80::1%eth0", "address:fe80::/64"),
            ("testclient", "address:testclient"),
        ],
    )
    def test_of_one_host_are_one_name(self, host: str, name: str) -> None:
        scope = {"type": "http", "client": (host, 1), "headers": [], "path": "/"}
        assert _address(HTTPConnection(scope)) == name

    def test_of_one_site_share(self) -> None:
        hosts = [str(ipaddress.ip_address("2001:db8::") + number) for number in range(0, 2**64, 2**60)]
        names = {_address(HTTPConnection({"type": "http", "client": (host, 1), "headers": [], "path": "/"})) for host in hosts}
        assert names == {"address:2001:db8::/64"}
