"""One lane of the sweep: a shop of its own (database, provider, API, worker) whose programs are killed and started again.

Its clients do what clients do: they repeat what was not answered, with the same key.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import asyncpg
import httpx2

from app.core.config import Settings
from app.domain.audit import service as audits
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.embedded import ports
from app.resources import Resources, open_resources
from simulator.server import RunningSimulator, running_simulator
from simulator.settings import DEFAULT_WEBHOOK_SECRET, Behaviour, SimulatorSettings
from tests.checker import judge
from tests.crash.killing import Kill
from tests.crash.launching import launch
from tests.crash.steps import Program
from tests.factories import BOT_KEY, NO_TLS, SEEDREAM, new_telegram_id
from tests.facts import Order, collect
from tests.forking import ended

KEY = "sim-key-of-the-sweep"
DEADLINE_S = 5
LEASE_S = 1
STARTS_WITHIN_S = 20.0
ENDS_WITHIN_S = 40.0
PAYING = 4
GRANT = 1000
# A scheduled job that died with its worker is free again after half a minute, which is fixed in the queue: let it pass.
_HALF_A_MINUTE_PASSES = "UPDATE pgqueuer_schedules SET heartbeat = heartbeat - interval '30 seconds' WHERE status = 'picked'"
_ACTIVE = "SELECT id, status, prompt FROM generation_requests WHERE status IN ('queued', 'running')"


@dataclass
class Lane:
    """A shop whose programs are killed; `payers` have used up their free generation and have credits."""

    env: dict[str, str]
    folder: Path
    api: httpx2.AsyncClient
    simulator: RunningSimulator
    resources: Resources
    eyes: asyncpg.Connection
    payers: list[int] = field(default_factory=list)
    _orders: list[Order] = field(default_factory=list)
    _bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    _granted: dict[int, int] = field(default_factory=dict)
    _running: dict[Program, ForkServerProcess] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @asynccontextmanager
    async def open(cls, database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Self]:
        """A shop with this database and Redis; at the end nothing of it runs any more."""
        quick = Behaviour(delay_s=0.25, webhook_backoff_s=0.2)
        async with AsyncExitStack() as stack:
            simulator = await stack.enter_async_context(running_simulator(SimulatorSettings(api_key=KEY, behaviour=quick)))
            env = _environment(database_url, redis_url, simulator, ports.free_ports(1)[0])
            base_url, headers = f"{env['PUBLIC_BASE_URL']}/api/v1", {"Authorization": f"Bearer {BOT_KEY}"}
            client = httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=10, verify=NO_TLS)
            api = await stack.enter_async_context(client)
            values: dict[str, Any] = {"database_url": database_url, "log_level": "error"}
            resources = await stack.enter_async_context(open_resources(Settings(_env_file=None, **values), program="tests"))
            eyes = await asyncpg.connect(database_url)
            stack.push_async_callback(eyes.close)
            lane = cls(env, folder, api, simulator, resources, eyes)
            stack.push_async_callback(lane.stop, "api", "worker")
            await lane._find_payers()
            yield lane

    async def start(self, program: Program, kill: Kill | None = None, *, is_sync: bool = True) -> ForkServerProcess:
        """Start the program; the API is waited for until it answers."""
        env = self.env | {"WAVESPEED_SYNC_MODE": str(is_sync).lower()}
        process = self._running[program] = launch(program, env, self.folder, kill)
        if program == "api":
            async with asyncio.timeout(STARTS_WITHIN_S):
                while process.exitcode is None:
                    with suppress(httpx2.TransportError):
                        if (await self.api.get("/health")).status_code == 200:
                            break
                    await asyncio.sleep(0.02)
        return process

    async def stop(self, *programs: Program) -> None:
        """kill -9 of those of the programs that run."""
        for program in programs:
            process = self._running.pop(program, None)
            if process is not None:
                process.kill()
                await ended(process, within_s=STARTS_WITHIN_S)
                process.close()
                if program == "worker":
                    await self.eyes.execute(_HALF_A_MINUTE_PASSES)

    def new_order(self, marker: str = "", *, by: int | None = None, model_id: int = SEEDREAM, **more: Any) -> Order:
        """What somebody wants: one of the payers, or somebody new whose first picture is free."""
        telegram_id = by or new_telegram_id()
        order = Order(key=str(uuid4()), telegram_id=telegram_id, prompt=f"door {next(self._numbers)} {marker}".strip())
        self._bodies[order.key] = {"telegram_id": telegram_id, "model_id": model_id, "prompt": order.prompt, **more}
        self._orders.append(order)
        return order

    async def insist(self, order: Order) -> None:
        """Order as a client does whose API comes and goes: again, with the same key, until it is accepted."""
        async with asyncio.timeout(ENDS_WITHIN_S):
            while True:
                with suppress(httpx2.TransportError):
                    body, headers = self._bodies[order.key], {"Idempotency-Key": order.key}
                    answer = await self.api.post("/generations/submit", json=body, headers=headers)
                    if answer.status_code == 202:
                        order.accepted_ids.append(int(answer.json()["request"]["id"]))
                        return
                    is_in_flight = answer.status_code == 409 and answer.json()["code"] == "idempotency_in_flight"
                    assert answer.status_code == 503 or is_in_flight, answer.text
                await asyncio.sleep(0.05)

    async def cancel(self, order: Order) -> None:
        """Take an order back, again until the answer comes."""
        async with asyncio.timeout(ENDS_WITHIN_S):
            while True:
                with suppress(httpx2.TransportError):
                    body = {"telegram_id": order.telegram_id}
                    answer = await self.api.post(f"/generations/{order.accepted_ids[0]}/cancel", json=body)
                    if answer.status_code == 200:
                        return
                    assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.05)

    async def until_all_end(self) -> None:
        """Wait until no generation runs any more. Raises AssertionError when one does not end by itself."""
        loop = asyncio.get_running_loop()
        gives_up_s = loop.time() + ENDS_WITHIN_S
        while active := await self.eyes.fetch(_ACTIVE):
            assert loop.time() < gives_up_s, f"stuck: {[tuple(row) for row in active]}"
            await asyncio.sleep(0.03)

    async def audit(self) -> list[str]:
        """What the audit finds wrong."""
        async with self.resources.transaction() as session:
            report = await audits.run(session)
        return [f"audit {each.invariant}: {', '.join(each.examples)}" for each in report.findings if not each.is_clean]

    async def check(self) -> list[str]:
        """What is wrong in the end: the audit's word, the independent checker's, and each order repeated once more."""
        await self.stop("api", "worker")
        await self.start("api")
        for order in self._orders:
            await self.insist(order)
        async with httpx2.AsyncClient(base_url=f"{self.simulator.url}/sim", timeout=10, verify=NO_TLS) as control:
            facts = await collect(self.api, control, self._orders, self._granted)
        return await self.audit() + judge(facts).violations

    async def _find_payers(self) -> None:
        await self.start("api")
        await self.start("worker")
        async with asyncio.TaskGroup() as group:
            for _ in range(PAYING):
                order = self.new_order()
                self.payers.append(order.telegram_id)
                group.create_task(self.insist(order))
        await self.until_all_end()
        for telegram_id in self.payers:
            async with self.resources.transaction() as session:
                await ledger.grant(session, telegram_id=telegram_id, amount=GRANT, memo=Memo(None, "test"))
            self._granted[telegram_id] = GRANT


def _environment(database_url: str, redis_url: str, simulator: RunningSimulator, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "RUN_MIGRATIONS": "false",
        "BOOTSTRAP_API_KEY": BOT_KEY,
        "RATE_LIMIT_ENABLED": "false",
        "WAVESPEED_API_BASE_URL": f"{simulator.url}/api/v3",
        "WAVESPEED_API_KEY": KEY,
        "WAVESPEED_WEBHOOK_SECRET": DEFAULT_WEBHOOK_SECRET,
        "WAVESPEED_POLL_INTERVAL_SECONDS": "0.2",
        "GENERATION_DEADLINE_SECONDS": str(DEADLINE_S),
        "WORKER_LEASE_SECONDS": str(LEASE_S),
    }
