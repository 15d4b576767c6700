"""A running simulator for every test, clients for its three faces, and a receiver of webhooks."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from aiohttp import web
from PIL import Image

from simulator.server import RunningSimulator, running_simulator
from simulator.settings import Behaviour, SimulatorSettings

KEY = "sim-test-key-0001"
QUICK = Behaviour(delay_s=0.05, webhook_backoff_s=0.02, webhook_timeout_s=2)

Settings = Callable[..., SimulatorSettings]
Submit = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="session")
def key() -> str:
    return KEY


@pytest.fixture(scope="session")
def settings() -> Settings:
    def make(**more: Any) -> SimulatorSettings:
        return SimulatorSettings(**{"api_key": KEY, "behaviour": QUICK} | more)

    return make


@pytest.fixture(scope="session")
async def shared_simulator(settings: Settings) -> AsyncIterator[RunningSimulator]:
    async with running_simulator(settings()) as running:
        yield running


@pytest.fixture(scope="session")
async def clients(shared_simulator: RunningSimulator) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """One client per face for the whole session: making one costs more than most tests here."""
    origins = {
        "api": f"{shared_simulator.url}/api/v3",
        "control": f"{shared_simulator.url}/sim",
        "assets": shared_simulator.asset_url,
    }
    async with AsyncExitStack() as stack:
        made = {}
        for name, origin in origins.items():
            headers = {"Authorization": f"Bearer {KEY}"} if name == "api" else {}
            client = httpx2.AsyncClient(base_url=origin, headers=headers, timeout=10, limits=httpx2.Limits())
            made[name] = await stack.enter_async_context(client)
        yield made


@pytest.fixture
async def simulator(shared_simulator: RunningSimulator, clients: dict[str, httpx2.AsyncClient]) -> RunningSimulator:
    """The session's simulator as it was at its start; old predictions stay, as on any provider."""
    for what in ("config", "faults", "log"):
        await clients["control"].delete(f"/{what}")
    return shared_simulator


@pytest.fixture
def api(simulator: RunningSimulator, clients: dict[str, httpx2.AsyncClient]) -> httpx2.AsyncClient:  # noqa: ARG001
    return clients["api"]


@pytest.fixture
def control(simulator: RunningSimulator, clients: dict[str, httpx2.AsyncClient]) -> httpx2.AsyncClient:  # noqa: ARG001
    return clients["control"]


@pytest.fixture
def assets(simulator: RunningSimulator, clients: dict[str, httpx2.AsyncClient]) -> httpx2.AsyncClient:  # noqa: ARG001
    return clients["assets"]


@pytest.fixture
def submit(api: httpx2.AsyncClient) -> Submit:
    async def send(prompt: str = "a lake", model: str = "bytedance/seedream-v4", **more: Any) -> dict[str, Any]:
        params = {"webhook": more.pop("webhook")} if "webhook" in more else {}
        answer = await api.post(f"/{model}", json={"prompt": prompt} | more, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    return send


@pytest.fixture
def until_final(api: httpx2.AsyncClient) -> Callable[[str], Awaitable[dict[str, Any]]]:
    async def poll(prediction_id: str) -> dict[str, Any]:
        give_up_at = time.monotonic() + 15
        while time.monotonic() < give_up_at:
            data = (await api.get(f"/predictions/{prediction_id}/result")).json()["data"]
            if data["status"] in {"completed", "failed", "cancelled", "timeout", "deleted"}:
                return data
            await asyncio.sleep(0.01)
        raise AssertionError(f"{prediction_id} did not end")

    return poll


@pytest.fixture(scope="session")
def png() -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (64, 64), (255, 0, 0)).save(encoded, "PNG")
    return encoded.getvalue()


@dataclass
class Receiver:
    """An endpoint for webhooks: answers the statuses in turn, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        self.arrived.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        async with asyncio.timeout(5):
            while len(self.received) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.received


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    application = web.Application()
    application.router.add_post("/hook", found.take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], Awaitable[object]], object], Awaitable[None]]:
    async def ask(question: Callable[[], Awaitable[object]], wanted: object) -> None:
        give_up_at = time.monotonic() + 15
        answer = await question()
        while answer != wanted:
            assert time.monotonic() < give_up_at, f"still {answer}, not {wanted}"
            await asyncio.sleep(0.01)
            answer = await question()

    return ask
