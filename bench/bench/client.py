"""The API as a bot sees it: submit, follow over server-sent events, ask for a balance. Also the provider's control page."""

import itertools
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from bench.instance import Instance

FINAL = frozenset({"completed", "failed", "cancelled"})
SEEDREAM = 1
ACCEPTED = 202

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. Status 0: there was none."""

    status: int
    body: bytes
    retry_after: str | None

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


class Client:
    """A caller with a service key, on connections that stay open."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def submit(self, telegram_id: int, prompt: str = "") -> Answer:
        """Order a picture under a fresh idempotency key; the prompt is unlike any other by default."""
        body = {"telegram_id": telegram_id, "model_id": SEEDREAM, "prompt": prompt or f"a red door, {next(_NUMBERS)}"}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return await self._ask("POST", "/api/v1/generations/submit", json=body, headers=headers)

    async def get(self, path: str, **query: str) -> Answer:
        """Read something."""
        return await self._ask("GET", path, params=query)

    async def end_of(self, generation_id: int, telegram_id: int) -> str:
        """Follow a generation over server-sent events; its final status as soon as it is told, or why it was not."""
        url = f"/api/v1/generations/{generation_id}/events"
        try:
            async with self._session.get(url, params={"telegram_id": str(telegram_id)}) as stream:
                stream.raise_for_status()
                async for line in stream.content:
                    if line.startswith(b"data: "):
                        status = str(json.loads(line[6:])["status"])
                        if status in FINAL:
                            return status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"no end seen: {type(error).__name__}"
        return "no end told"

    async def _ask(self, method: str, path: str, **more: Any) -> Answer:
        try:
            async with self._session.request(method, path, **more) as answer:
                return Answer(answer.status, await answer.read(), answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(0, type(error).__name__.encode(), None)


class Provider:
    """The simulator's control page, and the provider itself as a bare client calls it."""

    def __init__(self, session: aiohttp.ClientSession, key: str) -> None:
        self._session = session
        self._key = key

    async def configure(self, **behaviour: Any) -> None:
        """Change how it behaves from now on."""
        async with self._session.put("/sim/config", json=behaviour) as answer:
            answer.raise_for_status()

    async def own_seconds(self) -> dict[str, float]:
        """The time that each task took by the provider's own clock, by its prompt; ended ones only."""
        async with self._session.get("/sim/predictions") as answer:
            found = (await answer.json())["predictions"]
        return {
            task["input"]["prompt"]: (_moment(task["finished_at"]) - _moment(task["created_at"])).total_seconds()
            for task in found
            if task["finished_at"]
        }

    async def count(self, status: str) -> int:
        """How many tasks are in this status now."""
        async with self._session.get("/sim/predictions") as answer:
            return sum(task["status"] == status for task in (await answer.json())["predictions"])

    async def last_order(self) -> tuple[str, dict[str, Any]]:
        """Path and body of the newest order that was sent to it, to be sent again by a bare client."""
        async with self._session.get("/sim/log", params={"method": "POST"}) as answer:
            newest = (await answer.json())["requests"][-1]
        return newest["path"], newest["body"]

    async def order(self, path: str, body: dict[str, Any]) -> None:
        """An order of a bare client; returns when the provider has answered. Raises ClientError."""
        async with self._session.post(path, json=body, headers={"Authorization": f"Bearer {self._key}"}) as answer:
            answer.raise_for_status()
            await answer.read()


@asynccontextmanager
async def client_of(instance: Instance, *, timeout_s: float = 60) -> AsyncIterator[Client]:
    """A client of this instance's API, with as many connections as it needs."""
    headers = {"Authorization": f"Bearer {instance.key}"}
    async with _session(instance.api_url, timeout_s, headers) as session:
        yield Client(session)


@asynccontextmanager
async def provider_of(instance: Instance) -> AsyncIterator[Provider]:
    """This instance's simulator."""
    async with _session(instance.simulator_url, 120, {}) as session:
        yield Provider(session, instance.simulator_key)


def _session(base_url: str, timeout_s: float, headers: dict[str, str]) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    return aiohttp.ClientSession(base_url, connector=connector, headers=headers, timeout=aiohttp.ClientTimeout(total=timeout_s))


def _moment(text: str) -> datetime:
    # Nanoseconds are cut to the microseconds that datetime knows.
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{(fraction or '0')[:6]:0<6}+00:00")
