"""Callers over HTTP: service keys, Telegram users, and everything that only looks like one."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings, SettingsError, load_settings
from app.deps.known_keys import FRESH_S
from app.domain.keys import service as keys
from app.domain.keys.models import ApiKey
from simulator.server import RunningSimulator
from tests import running
from tests.credentials import BOT_TOKEN, OTHER_BOT_TOKEN, bearer, init_data, tma
from tests.deps.test_init_data import mutants
from tests.factories import BOT_KEY, NO_TLS, Shop, changed, new_telegram_id, open_shop

PATIENCE_S = 5.0


@pytest.fixture
async def mini_shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """A shop that takes Telegram users."""
    async with open_shop(changed(settings, bot_token=BOT_TOKEN), simulator) as shop:
        yield shop


def as_caller(base_url: str, headers: dict[str, str] | list[tuple[str, str]] | None = None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=f"{base_url}/api/v1", headers=headers, timeout=10, verify=NO_TLS)


async def trial_of(shop: Shop, telegram_id: int, headers: dict[str, str] | list[tuple[str, str]]) -> httpx2.Response:
    async with as_caller(shop.base_url, headers) as http:
        return await http.get(f"/users/{telegram_id}/trial")


class TestServiceKeys:
    @pytest.mark.parametrize("headers", [bearer(BOT_KEY), {"authorization": f"bearer {BOT_KEY}"}, {"X-API-Key": BOT_KEY}])
    async def test_are_taken_from_either_header(self, shop: Shop, headers: dict[str, str]) -> None:
        person = await shop.rich_user()
        assert (await trial_of(shop, person, headers)).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            [("Authorization", "")],
            [("Authorization", "Bearer")],
            [("Authorization", f"Basic {BOT_KEY}")],
            [("Authorization", f"Bearer {BOT_KEY}x")],
            [("Authorization", f"Bearer {BOT_KEY[:-1]}")],
            [("Authorization", f"Bearer {BOT_KEY.upper()}")],
            [("Authorization", "Bearer rsk_" + "%00" * 40)],
            [("Authorization", "Bearer rsk_" + "x" * 5000)],
            [("Authorization", BOT_KEY)],
            [("X-API-Key", "rsk_' OR 1=1 --")],
            [("Authorization", "Bearer wrong"), ("X-API-Key", BOT_KEY)],
            [("Authorization", f"Bearer {BOT_KEY}"), ("Authorization", f"Bearer {BOT_KEY}")],
        ],
    )
    async def test_are_refused_when_they_are_none(self, shop: Shop, headers: list[tuple[str, str]]) -> None:
        answer = await trial_of(shop, await shop.rich_user(), headers)

        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthorized"
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert BOT_KEY not in answer.text

    async def test_are_refused_by_every_process_within_a_second_of_their_end(self, shop: Shop) -> None:
        person = await shop.rich_user()
        async with shop.resources.transaction() as session:
            _, secret = await keys.create(session, name="leaving", scopes=["bot"])
        async with running.api(shop.settings) as other_url:
            urls = (shop.base_url, other_url)
            clients = [as_caller(url, bearer(secret)) for url in urls]

            async def refused_after_s(client: httpx2.AsyncClient, revoked_at_s: float) -> float:
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        asked_at_s = time.monotonic()
                        if (await client.get(f"/users/{person}/trial")).status_code == 401:
                            return asked_at_s - revoked_at_s
                        await asyncio.sleep(0.01)

            for client in clients:
                assert (await client.get(f"/users/{person}/trial")).status_code == 200
            async with shop.resources.transaction() as session:
                await keys.revoke(session, "leaving")
            revoked_at_s = time.monotonic()
            took_s = await asyncio.gather(*(refused_after_s(client, revoked_at_s) for client in clients))
            for client in clients:
                await client.aclose()
        assert max(took_s) <= 1.1

    async def test_cost_a_query_a_second_and_not_one_a_request(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        verify, lookups = keys.verify, 0

        async def counted(session: AsyncSession, secret: str) -> ApiKey | None:
            nonlocal lookups
            lookups += 1
            return await verify(session, secret)

        monkeypatch.setattr(keys, "verify", counted)
        started_s = time.monotonic()
        async with as_caller(shop.base_url, bearer(BOT_KEY)) as http:
            for _ in range(100):
                await http.get("/users/1/trial")
        assert 1 <= lookups <= 1 + (time.monotonic() - started_s) / FRESH_S


class TestTelegramUsers:
    async def test_are_themselves(self, mini_shop: Shop) -> None:
        person = new_telegram_id()
        async with as_caller(mini_shop.base_url, tma(init_data(person))) as http:
            assert (await http.post("/users/sync", json={"telegram_id": person, "first_name": "Y"})).status_code == 200
            accepted = await http.post("/generations/submit", json={"telegram_id": person, "model_id": 1, "prompt": "a door"})
            assert accepted.status_code == 202
            ref = accepted.json()["request"]["id"]
            assert (await http.get(f"/generations/{ref}", params={"telegram_id": person})).status_code == 200

    @pytest.mark.parametrize("scheme", ["tma", "TMA"])
    async def test_are_recognised_in_any_case(self, mini_shop: Shop, scheme: str) -> None:
        person = await mini_shop.rich_user()
        assert (await trial_of(mini_shop, person, {"Authorization": f"{scheme} {init_data(person)}"})).status_code == 200

    async def test_are_not_taken_without_a_bot_token(self, shop: Shop) -> None:
        person = await shop.rich_user()
        assert (await trial_of(shop, person, tma(init_data(person)))).status_code == 401

    @pytest.mark.case(17)
    async def test_are_refused_with_anything_that_is_not_their_own_fresh_init_data(self, mini_shop: Shop) -> None:
        person = await mini_shop.rich_user()
        for data in (
            init_data(person, age_s=7200),
            init_data(person, age_s=-60),
            init_data(person, token=OTHER_BOT_TOKEN),
            init_data(person) + "&user=%7B%22id%22%3A1%2C%22first_name%22%3A%22B%22%7D",
            init_data(person, auth_date="253402300799"),
            "user=" + "%5B" * 1300,
        ):
            answer = await trial_of(mini_shop, person, tma(data))
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")

    async def test_mutants_are_all_refused(self, mini_shop: Shop) -> None:
        person = await mini_shop.rich_user()
        slots = asyncio.Semaphore(20)
        async with as_caller(mini_shop.base_url) as http:

            async def status(mutant: str) -> int:
                async with slots:
                    return (await http.get(f"/users/{person}/trial", headers=tma(mutant))).status_code

            statuses = await asyncio.gather(*(status(mutant) for _, mutant in mutants(1234, 1500) if mutant))
        assert set(statuses) == {401}

    @pytest.mark.case(18)
    async def test_cannot_become_somebody_else_by_any_place_of_a_telegram_id(self, mini_shop: Shop) -> None:
        a, b = await mini_shop.rich_user(), await mini_shop.rich_user()
        theirs = (await mini_shop.order(b))["id"]
        both = {"telegram_id": a}, {"telegram_id": b}
        async with as_caller(mini_shop.base_url, tma(init_data(a))) as http:
            for verb, (query, body) in itertools.product(["cancel", "refresh"], [both, both[::-1]]):
                headers = {"X-Telegram-Id": str(b)}
                answer = await http.post(f"/generations/{theirs}/{verb}", params=query, json=body, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (404, "generation_not_found")
            for path in (f"/generations/{theirs}", f"/generations/{theirs}/results", f"/generations/{theirs}/events"):
                for query in (f"telegram_id={b}", f"telegram_id={a}&telegram_id={b}", f"telegram_id={b}&telegram_id={a}"):
                    assert (await http.get(f"{path}?{query}")).status_code == 404
            doubled = f'{{"telegram_id": {a}, "telegram_id": {b}}}'
            answer = await http.post(f"/generations/{theirs}/cancel", content=doubled, headers={"Content-Type": "application/json"})
            assert answer.status_code == 404
        assert await mini_shop.balance(b) == (99, 1)


class TestAuthDisabled:
    def test_refuses_to_start_outside_loopback(self) -> None:
        for values in ({"host": "0.0.0.0"}, {"host": "example.com"}, {"environment": "production"}, {"host": "10.0.0.1"}):
            with pytest.raises(SettingsError, match="AUTH_DISABLED"):
                load_settings(auth_disabled=True, **values)

    async def test_lets_everybody_in_on_loopback(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, auth_disabled=True), simulator) as shop:
            person = await shop.rich_user()
            assert (await trial_of(shop, person, {})).status_code == 200
