"""The whole of Rassom as real processes, two of each program, with a wire that can be disturbed between every two parts."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from app.embedded import ports, sockets
from tests.chaos.wiring import BOTS, PROGRAMS, TOKEN, environment, links
from tests.factories import BOT_KEY, NO_TLS
from tests.programs import bare_environment, cleared, spawn
from tests.proxy import Link

START_TIMEOUT_S = 180.0
LOG_ENTRIES = "1000000"
DELIVERY_LEASE_MIN_S = 2.0
TASK_S = "0.5"
API = Path(__file__).parents[2]


@dataclass
class Stack:
    """A running Rassom, with a shop in Telegram or without. `links` by name: `api-1>database`, `client>api-1`, `bot-1>api` …"""

    home: Path
    keeper: subprocess.Popen[bytes]
    links: dict[str, Link]
    direct: dict[str, int]
    lease_s: float
    delivery_lease_s: float
    is_shop: bool
    cut_calls: list[dict[str, Any]] = field(default_factory=list)
    _cpu_s: dict[tuple[str, int], float] = field(default_factory=dict)

    @property
    def fronts(self) -> list[str]:
        """Where clients reach the APIs."""
        return [f"http://127.0.0.1:{self.links[f'client>{name}'].port}/api/v1" for name in ("api-1", "api-2")]

    @property
    def database_url(self) -> str:
        """The database without a disturbance."""
        return f"postgresql://rassom@/rassom?host={sockets.directory(self.home)}&port=5432"

    @property
    def pids(self) -> dict[str, int]:
        """The process of each part that runs now."""
        with suppress(OSError, ValueError):
            return dict(json.loads((self.home / "pids.json").read_text()))
        return {}

    def control(self) -> httpx2.AsyncClient:
        """The simulator's control page."""
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.direct['provider']}/sim", timeout=60, verify=NO_TLS)

    def telegram(self) -> httpx2.AsyncClient:
        """Telegram's control page, where people are played."""
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.direct['telegram']}/sim", timeout=30, verify=NO_TLS)

    def client(self, at: str = "api-1") -> httpx2.AsyncClient:
        """A client of that API without a disturbance."""
        headers = {"Authorization": f"Bearer {BOT_KEY}"}
        url = f"http://127.0.0.1:{self.direct[at]}/api/v1"
        return httpx2.AsyncClient(base_url=url, headers=headers, timeout=30, verify=NO_TLS)

    async def note_cut_calls(self) -> None:
        """Remember which calls of the bots Telegram has not answered; its own log of them does not outlive it."""
        with suppress(httpx2.TransportError):
            async with self.telegram() as control:
                for method in ("sendPhoto", "sendDocument", "sendMessage"):
                    calls = (await control.get("/log", params={"method": method})).raise_for_status().json()["requests"]
                    self.cut_calls += [call for call in calls if call["ok"] is None]

    async def kill(self, part: str) -> bool:
        """kill -9; whether there was something to kill, and it is gone."""
        pid = self.pids.get(part)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return await _is_within(lambda: not _is_alive(pid), 5)
        return False

    async def wipe_valkey(self) -> bool:
        """kill -9 of Valkey, and everything that it knew; whether both happened."""
        if not await self.kill("valkey"):
            return False
        data = self.home / "valkey"
        gone = data.with_name(f"valkey-{os.urandom(4).hex()}")
        data.rename(gone)
        shutil.rmtree(gone)
        return True

    async def freeze(self, part: str, *, for_s: float) -> bool:
        """SIGSTOP, and SIGCONT after a while; whether it really stood still all the while."""
        pid = self.pids.get(part)
        if pid is None:
            return False
        with suppress(ProcessLookupError, psutil.Error):
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(for_s)
            is_frozen = psutil.Process(pid).status() == psutil.STATUS_STOPPED
            os.kill(pid, signal.SIGCONT)
            return bool(is_frozen)
        return False

    async def is_whole(self) -> bool:
        """Whether every part runs and both APIs are ready."""
        pids = self.pids
        shop = {*BOTS, "telegram"} if self.is_shop else set()
        parts = {*PROGRAMS, *shop, "postgresql", "valkey", "simulator"}
        if not parts <= {name for name, pid in pids.items() if _is_alive(pid)}:
            return False
        if self.is_shop and not await self._is_telegram_there():
            return False
        for name in ("api-1", "api-2"):
            async with self.client(name) as client:
                try:
                    answer = await client.get("/ready", timeout=5)
                except httpx2.TransportError:
                    return False
                if answer.status_code != httpx2.codes.OK:
                    return False
        return True

    async def _is_telegram_there(self) -> bool:
        async with self.telegram() as control:
            try:
                return (await control.get("/profile", timeout=5)).is_success
            except httpx2.TransportError:
                return False

    async def wait_until_whole(self, within_s: float = START_TIMEOUT_S) -> None:
        """Wait for `is_whole`. Raises RuntimeError with the keeper's words when it ends, TimeoutError."""
        async with asyncio.timeout(within_s):
            while not await self.is_whole():
                if self.keeper.poll() is not None:
                    raise RuntimeError((self.home / "keeper.log").read_text())
                await asyncio.sleep(0.1)

    def note_cpu(self) -> None:
        """Look at how much each process has used; what is killed between two looks is counted up to the first one."""
        for part, pid in self.pids.items():
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                used = [process, *process.children(recursive=True)]
                self._cpu_s[part, pid] = sum(sum(each.cpu_times()[:2]) for each in used)

    @property
    def cpu_s(self) -> Counter[str]:
        """Processor seconds by part."""
        total: Counter[str] = Counter()
        for (part, _), seconds in self._cpu_s.items():
            total[part] += round(seconds)
        return total

    def rassom(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of an operator, past every disturbance."""
        command = [sys.executable, "-m", "app.cli", *words]
        telegram = {"BOT_TOKEN": TOKEN, "TELEGRAM_API_BASE_URL": f"http://127.0.0.1:{self.direct['telegram']}"}
        env = bare_environment(self.home, DATABASE_URL=self.database_url, **telegram)
        return subprocess.run(command, env=env, cwd=self.home, capture_output=True, text=True, check=False, timeout=120)


@asynccontextmanager
async def running_stack(home: Path, *, deadline_s: float, lease_s: float, is_shop: bool) -> AsyncIterator[Stack]:
    """Start everything in `home`, a directory that is there, and end it with the block."""
    names = ("api-1", "api-2", "provider", "assets", "telegram", "bot-2")
    direct = dict(zip(names, ports.free_ports(len(names)), strict=True))
    async with AsyncExitStack() as stack:
        wires = {link.name: await stack.enter_async_context(link.open()) for link in links(home, direct, is_shop=is_shop)}
        limits = {"GENERATION_DEADLINE_SECONDS": str(deadline_s), "WORKER_LEASE_SECONDS": str(lease_s)}
        delivery_lease_s = max(lease_s, DELIVERY_LEASE_MIN_S)
        programs = {
            name: {"verb": verb, "env": limits | environment(home, name, wires, direct, delivery_lease_s)}
            for name, verb in (PROGRAMS | (BOTS if is_shop else {})).items()
        }
        plan = {
            "ports": [direct["provider"], direct["assets"]],
            "simulator": ["--delay", TASK_S, "--log-entries", LOG_ENTRIES],
            "telegram": ["--port", str(direct["telegram"]), "--token", TOKEN, "--log-entries", LOG_ENTRIES] if is_shop else [],
            "programs": programs,
        }
        (home / "plan.json").write_text(json.dumps(plan))
        stack.enter_context(cleared(home))
        log = home / "keeper.log"
        command = [sys.executable, "-m", "tests.chaos.keeper", str(home)]
        keeper = spawn(command, env=bare_environment(home), cwd=API, out=log, errors=log)
        running = Stack(home, keeper, wires, direct, lease_s, delivery_lease_s, is_shop)
        try:
            await running.wait_until_whole()
            yield running
        finally:
            keeper.terminate()
            with suppress(TimeoutError):
                await _is_within(lambda: keeper.poll() is not None, 10)


def _is_alive(pid: int) -> bool:
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


async def _is_within(is_true: Callable[[], bool], seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not is_true():
                await asyncio.sleep(0.02)
            return True
    return False
