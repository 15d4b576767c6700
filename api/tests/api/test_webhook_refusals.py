"""What the webhook refuses before it looks anything up."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from itertools import islice

import httpx2
import pytest

from app.core.config import Settings, SettingsError, load_settings
from app.provider.signature import sign
from simulator.server import RunningSimulator
from simulator.settings import DEFAULT_WEBHOOK_SECRET
from tests.factories import NO_TLS, Shop, changed, open_shop
from tests.signatures import Message, mutants

MUTANTS = 400
PUBLIC = "https://rassom.example"


@pytest.fixture
async def shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """An API that takes webhooks."""
    hooked = changed(settings, public_base_url=PUBLIC, wavespeed_webhook_secret=DEFAULT_WEBHOOK_SECRET)
    async with open_shop(hooked, simulator) as opened:
        yield opened


@pytest.fixture
async def anybody(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without credentials."""
    limits = httpx2.Limits(max_connections=20)
    async with httpx2.AsyncClient(base_url=shop.base_url, verify=NO_TLS, limits=limits) as opened:
        yield opened


async def token_of_an_order(shop: Shop) -> str:
    generation = await shop.order(await shop.rich_user(1))
    return str(await shop.eyes.fetchval("SELECT token FROM generation_jobs WHERE generation_id = $1", generation["id"]))


def a_webhook(body: bytes = b'{"id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0","status":"completed"}') -> Message:
    """A genuine one, signed now."""
    timestamp = str(int(time.time()))
    headers = {
        "webhook-id": "0f1e2d3c4b5a69788796a5b4c",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(DEFAULT_WEBHOOK_SECRET, "0f1e2d3c4b5a69788796a5b4c", timestamp, body),
    }
    return headers, body


def is_sendable(mutant: Message, genuine: Message) -> bool:
    """Whether HTTP can carry it, and still as something else than the genuine one: blanks around a value do not arrive."""
    headers = {name: value.strip(" \t") for name, value in mutant[0].items()}
    return (headers, mutant[1]) != genuine and all(value.isprintable() and value.isascii() for value in headers.values())


class TestConfigured:
    @pytest.mark.parametrize("values", [{}, {"public_base_url": PUBLIC}, {"wavespeed_webhook_secret": DEFAULT_WEBHOOK_SECRET}])
    async def test_only_by_both_settings(self, settings: Settings, simulator: RunningSimulator, values: dict[str, str]) -> None:
        async with open_shop(changed(settings, **values), simulator) as shop:
            headers, body = a_webhook()
            path = f"/webhooks/wavespeed/{await token_of_an_order(shop)}"
            answer = await shop.http.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize("secret", ["whsec_", "x", "whsec_short"])
    def test_never_by_a_secret_that_can_be_guessed(self, secret: str) -> None:
        with pytest.raises(SettingsError, match="WAVESPEED_WEBHOOK_SECRET"):
            load_settings(wavespeed_webhook_secret=secret, _env_file=None)


class TestWebhook:
    async def test_needs_no_credential(self, shop: Shop, anybody: httpx2.AsyncClient) -> None:
        headers, body = a_webhook()
        answer = await anybody.post(f"/api/v1/webhooks/wavespeed/{await token_of_an_order(shop)}", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    async def test_is_not_excused_by_a_credential(self, shop: Shop) -> None:
        _, body = a_webhook()
        answer = await shop.http.post(f"/webhooks/wavespeed/{await token_of_an_order(shop)}", content=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")

    async def test_is_signed_over_the_bytes_as_sent(self, shop: Shop, anybody: httpx2.AsyncClient) -> None:
        headers, body = a_webhook(b'{"id" : "a\\u0062cd" ,\n"status":"completed"}')
        path = f"/api/v1/webhooks/wavespeed/{await token_of_an_order(shop)}"
        assert (await anybody.post(path, content=body, headers=headers)).status_code == 200
        same = json.dumps(json.loads(body)).encode()
        assert (await anybody.post(path, content=same, headers=headers)).status_code == 401

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"id": 5}', b'{"id": "\x00"}', b"[" * 100_000, b"\xff\xfe"])
    async def test_with_any_signed_body_only_wakes(self, shop: Shop, anybody: httpx2.AsyncClient, body: bytes) -> None:
        headers, _ = a_webhook(body)
        answer = await anybody.post(f"/api/v1/webhooks/wavespeed/{await token_of_an_order(shop)}", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize("has_length", [True, False])
    async def test_is_capped(self, shop: Shop, anybody: httpx2.AsyncClient, has_length: bool) -> None:
        headers, body = a_webhook(b"x" * (256 * 1024 + 1))

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(body), 10_000):
                yield body[at : at + 10_000]

        path = f"/api/v1/webhooks/wavespeed/{await token_of_an_order(shop)}"
        answer = await anybody.post(path, content=body if has_length else pieces(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")

    async def test_of_256_kilobytes_is_taken(self, shop: Shop, anybody: httpx2.AsyncClient) -> None:
        headers, body = a_webhook(b"x" * 256 * 1024)
        answer = await anybody.post(f"/api/v1/webhooks/wavespeed/{await token_of_an_order(shop)}", content=body, headers=headers)
        assert answer.status_code == 200

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    async def test_with_a_header_twice_is_refused(self, shop: Shop, anybody: httpx2.AsyncClient, name: str) -> None:
        headers, body = a_webhook()
        doubled = [(name, "other"), *headers.items()]
        path = f"/api/v1/webhooks/wavespeed/{await token_of_an_order(shop)}"
        assert (await anybody.post(path, content=body, headers=doubled)).status_code == 401
        assert (await anybody.post(path, content=body, headers=[*headers.items(), (name, "other")])).status_code == 401


class TestMutants:
    async def test_are_all_refused_and_move_nothing(self, shop: Shop, anybody: httpx2.AsyncClient) -> None:
        token = await token_of_an_order(shop)
        genuine = a_webhook()
        sendable = (mutant for mutant in mutants(16, genuine) if is_sendable(mutant, genuine))
        jobs = await shop.eyes.fetch("SELECT * FROM generation_jobs")

        async def send(mutant: Message) -> int:
            answer = await anybody.post(f"/api/v1/webhooks/wavespeed/{token}", content=mutant[1], headers=mutant[0])
            return answer.status_code

        statuses = await asyncio.gather(*(send(mutant) for mutant in islice(sendable, MUTANTS)))

        assert set(statuses) == {401}
        assert await shop.eyes.fetch("SELECT * FROM generation_jobs") == jobs
