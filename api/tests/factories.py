"""What tests are made of: a shop that talks to the API as a client does, and looks at the database with other eyes."""

import asyncio
import io
import itertools
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import asyncpg
import httpx2
import structlog

from app.core.config import Settings
from app.domain.audit import service as audits
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.resources import Resources, open_resources
from simulator.server import RunningSimulator
from tests import running

BOT_KEY = "rsk_" + "k" * 43
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Everything here is plain http on this machine: no client need load the world's certificates for it."""
FINAL = frozenset({"completed", "failed", "cancelled"})
SEEDREAM, NANO_BANANA, NANO_BANANA_PRO = 1, 2, 3

_telegram_ids = itertools.count(500_001)


def new_telegram_id() -> int:
    """Somebody nobody has seen before."""
    return next(_telegram_ids)


def an_order(telegram_id: int, **more: Any) -> dict[str, Any]:
    """The body of a submit: name only what the test is about."""
    return {"telegram_id": telegram_id, "model_id": SEEDREAM, "prompt": "a red door in Bukhara", **more}


def changed(settings: Settings, **values: Any) -> Settings:
    """These settings with other values here and there."""
    return Settings(_env_file=None, **{**settings.model_dump(), **values})


def as_superuser(dsn: str) -> str:
    """The same database for the role that nothing is refused to: it plants what the guards would refuse."""
    return dsn.replace("://rassom@", "://postgres@")


@asynccontextmanager
async def a_database(admin_dsn: str, template: str = "template1") -> AsyncIterator[str]:
    """A database of one test's own."""
    name = f"test_{os.urandom(6).hex()}"
    # As superuser: who is still connected at the end may be another role, and is cut off.
    admin = await asyncpg.connect(as_superuser(admin_dsn))
    try:
        await admin.execute(f"CREATE DATABASE {name} OWNER rassom TEMPLATE {template} STRATEGY file_copy")
        yield admin_dsn.replace("/postgres?", f"/{name}?")
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@asynccontextmanager
async def open_shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator["Shop"]:
    """A running API with these settings; without a worker."""
    async with running.api(settings) as base_url, Shop.open(base_url, settings, simulator) as shop:
        yield shop


@contextmanager
def written_log() -> Iterator[io.StringIO]:
    """What the programs inside this test write to their log."""
    ours = [one for one in logging.getLogger().handlers if isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)]
    (handler,) = ours
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    try:
        yield written
    finally:
        handler.setStream(before)


async def provider_log(simulator: RunningSimulator, method: str) -> list[dict[str, Any]]:
    """What the provider was asked, the oldest first."""
    async with httpx2.AsyncClient(base_url=f"{simulator.url}/sim", verify=NO_TLS) as control:
        entries: list[dict[str, Any]] = (await control.get("/log", params={"method": method})).json()["requests"]
        return entries


@dataclass
class Shop:
    """A client of a running API, its provider's control page, and a second pair of eyes on the database."""

    base_url: str
    settings: Settings
    simulator: RunningSimulator
    http: httpx2.AsyncClient
    control: httpx2.AsyncClient
    resources: Resources
    eyes: asyncpg.Connection
    _: dict[str, Any] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, base_url: str, settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Self]:
        """Connect to all of it."""
        headers = {"Authorization": f"Bearer {BOT_KEY}"}
        limits = httpx2.Limits(max_connections=200)
        async with (
            httpx2.AsyncClient(base_url=f"{base_url}/api/v1", headers=headers, timeout=30, limits=limits, verify=NO_TLS) as http,
            httpx2.AsyncClient(base_url=f"{simulator.url}/sim", timeout=10, verify=NO_TLS) as control,
            open_resources(settings, program="tests") as resources,
        ):
            eyes = await asyncpg.connect(settings.database_dsn)
            try:
                yield cls(base_url, settings, simulator, http, control, resources, eyes)
            finally:
                await eyes.close()

    async def grant(self, telegram_id: int, amount: int) -> None:
        """Put credits into a wallet, as an operator does."""
        async with self.resources.transaction() as session:
            await ledger.grant(session, telegram_id=telegram_id, amount=amount, memo=Memo(None, "test"))

    async def rich_user(self, amount: int = 100) -> int:
        """Somebody with credits and no free generation left: everything this person orders is paid for."""
        telegram_id = new_telegram_id()
        await self.grant(telegram_id, amount)
        await self.eyes.execute(
            "INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at)"
            " SELECT id, 1, 1, 'used', now() FROM users WHERE telegram_id = $1",
            telegram_id,
        )
        return telegram_id

    async def submit(self, telegram_id: int, **more: Any) -> httpx2.Response:
        """Order a picture."""
        return await self.http.post("/generations/submit", json=an_order(telegram_id, **more))

    async def order(self, telegram_id: int, **more: Any) -> dict[str, Any]:
        """Order a picture that is accepted; the generation."""
        answer = await self.submit(telegram_id, **more)
        assert answer.status_code == 202, answer.text
        request: dict[str, Any] = answer.json()["request"]
        return request

    async def follow(self, generation: dict[str, Any], telegram_id: int, *, within_s: float = 20) -> dict[str, Any]:
        """Wait for a generation's end."""
        async with asyncio.timeout(within_s):
            while True:
                answer = await self.http.get(f"/generations/{generation['id']}", params={"telegram_id": telegram_id})
                seen: dict[str, Any] = answer.json()
                if seen["status"] in FINAL:
                    return seen
                await asyncio.sleep(0.02)

    async def cancelled(self, telegram_id: int | None = None, **more: Any) -> dict[str, Any]:
        """A generation that has ended, without a worker: ordered from a chat and taken back."""
        somebody = telegram_id or new_telegram_id()
        generation = await self.order(somebody, **{"client_context": {"chat_id": somebody}, **more})
        answer = await self.http.post(f"/generations/{generation['id']}/cancel", json={"telegram_id": somebody})
        ended: dict[str, Any] = answer.raise_for_status().json()
        return ended

    async def claim(self, limit: int = 50, *, lease_s: int = 60) -> list[dict[str, Any]]:
        """Take deliveries, as a bot does."""
        answer = await self.http.post("/deliveries/claim", json={"limit": limit, "lease_seconds": lease_s})
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items

    async def ban(self, telegram_id: int, reason: str = "spam") -> httpx2.Response:
        """Ban somebody, as an operator does."""
        return await self.http.post(f"/admin/users/{telegram_id}/ban", json={"reason": reason, "actor_telegram_id": 77})

    async def balance(self, telegram_id: int) -> tuple[int, int]:
        """What can be spent and what is held."""
        body = (await self.http.get(f"/users/{telegram_id}/balance")).json()
        return body["balance"], body["held"]

    async def submits_seen(self) -> list[dict[str, Any]]:
        """The provider's log of submits, the oldest first."""
        log = (await self.control.get("/log", params={"method": "POST"})).json()
        entries = log["requests"] if isinstance(log, dict) else log
        return [entry for entry in entries if entry["path"].startswith(("/api/v3/bytedance", "/api/v3/google"))]

    async def fault(self, kind: str, *, times: int = 1, **more: Any) -> None:
        """Make the provider misbehave for its next matching requests."""
        (await self.control.post("/faults", json={"kind": kind, "times": times, **more})).raise_for_status()

    async def check_books(self) -> None:
        """Every invariant holds; for the end of each story and race."""
        async with self.resources.transaction() as session:
            report = await audits.run(session)
        assert report.is_clean, [finding for finding in report.findings if not finding.is_clean]
