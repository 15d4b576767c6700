"""`rassom up` and its parts as real processes in a home of the test's own, for tests that kill them.

What is started here is ended here, by its process id; what belongs to a home is known by the RASSOM_HOME in its environment.
"""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import asyncpg
import httpx2
import psutil
from pydantic import SecretStr

from app.core.config import Settings
from app.embedded import ports
from simulator.server import RunningSimulator
from tests.cli.rassom import Rassom
from tests.factories import BOT_KEY, NO_TLS, Shop, an_order

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
QUICK = {
    "GENERATION_DEADLINE_SECONDS": "12",
    "WORKER_LEASE_SECONDS": "2",
    "WAVESPEED_POLL_INTERVAL_SECONDS": "0.2",
    "RATE_LIMIT_ENABLED": "false",
}
_PARTS: dict[str, Callable[[list[str]], bool]] = {
    "postgres": lambda words: words[0].endswith("/postgres") and "-D" in words,
    "valkey": lambda words: "valkey-server" in words[0],
    "simulator": lambda words: "simulator" in words,
    "api": lambda words: words[-2:] == ["app.cli", "api"],
    "worker": lambda words: words[-2:] == ["app.cli", "worker"],
}
_GENERATIONS = """
    SELECT request.id, request.prompt, request.status, request.error_code, who.telegram_id
    FROM generation_requests request JOIN users who ON who.id = request.user_id ORDER BY request.id
"""
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def bare_environment(home: Path, **more: str) -> dict[str, str]:
    """What a fresh shell has, and RASSOM_HOME: nothing of the shell that runs the tests."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "RASSOM_HOME": str(home), **more}


def spawn(command: list[str], *, env: dict[str, str], cwd: Path, out: Path, errors: Path) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, as a terminal does; it ends with the test run, however that ends."""
    with out.open("ab") as said, errors.open("ab") as complained:
        return subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            process_group=0,
            preexec_fn=(lambda: _libc.prctl(1, int(signal.SIGTERM), 0, 0, 0)) if _libc else None,  # noqa: PLW1509 - takes no lock
        )


def processes_of(home: Path) -> list[psutil.Process]:
    """Everything that works for this home and is not dead yet."""
    return [process for process in psutil.process_iter() if _works_for(process, home)]


def _works_for(process: psutil.Process, home: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return process.environ().get("RASSOM_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE
    return False


@contextmanager
def cleared(home: Path) -> Iterator[None]:
    """Leave no process of this home behind."""
    try:
        yield
    finally:
        for process in processes_of(home):
            with suppress(psutil.Error):
                process.kill()


def wait_until(is_true: Callable[[], bool], *, within_s: float, what: str) -> float:
    """Wait for it; returns how long that took."""
    started_s = time.monotonic()
    while not is_true():
        assert time.monotonic() - started_s < within_s, f"{what}: not within {within_s} s"
        time.sleep(0.02)
    return time.monotonic() - started_s


@dataclass
class Up:
    """A running `rassom up`."""

    home: Path
    port: int
    env: dict[str, str]
    process: subprocess.Popen[bytes]
    started_at: float

    @classmethod
    def start(cls, home: Path, *, port: int = 0, **env: str) -> "Up":
        """Start it; `wait_until_ready` is the caller's."""
        home.mkdir(parents=True, exist_ok=True)
        port = port or ports.free_ports(1)[0]
        whole_env = bare_environment(home, PORT=str(port), **QUICK | env)
        command = [sys.executable, "-m", "app.cli", "up"]
        started_at = time.time()
        process = spawn(command, env=whole_env, cwd=home, out=home / "test.out", errors=home / "test.err")
        return cls(home, port, whole_env, process, started_at)

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """All its words so far, also the complaints."""
        return (self.home / "test.out").read_text() + (self.home / "test.err").read_text()

    @property
    def addresses(self) -> dict[str, str]:
        """What it says of itself to other commands."""
        return cast("dict[str, str]", json.loads((self.home / "run" / "up.json").read_text()))

    @property
    def simulator_url(self) -> str:
        """The provider, without its /api/v3."""
        return self.addresses["wavespeed_api_base_url"].removesuffix("/api/v3")

    def wait_until_ready(self) -> float:
        """Wait until orders can be taken; returns how long that took."""
        return wait_until(self.is_ready, within_s=START_TIMEOUT_S, what="rassom up is ready")

    def is_ready(self) -> bool:
        """Whether orders can be taken. Fails the test when it has ended."""
        assert self.process.poll() is None, self.said
        file = self.home / "run" / "up.json"
        if not file.exists() or file.stat().st_mtime < self.started_at:
            return False
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/ready", timeout=2) as answer:  # noqa: S310 - http on loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def find(self, part: str) -> psutil.Process | None:
        """A running part by name."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.Error, IndexError):
                    if _PARTS[part](child.cmdline()):
                        return child
        return None

    def pid_of(self, part: str) -> int:
        """The process id of a running part."""
        found = self.find(part)
        assert found is not None, f"no {part}: {self.said}"
        return found.pid

    def kill(self, part: str) -> int:
        """kill -9; returns the process id that it had."""
        pid = self.pid_of(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    async def wait_for_successor(self, part: str, pid: int, *, within_s: float = 30) -> None:
        """Wait until the supervisor has started the part again and the API answers."""
        async with asyncio.timeout(within_s):
            while (found := self.find(part)) is None or found.pid == pid or not await asyncio.to_thread(self.is_ready):
                await asyncio.sleep(0.05)

    def end(self, name: signal.Signals, *, within_s: float = 10) -> float:
        """Signal its process group, as Ctrl-C in a terminal does; returns how long it took to end."""
        started_s = time.monotonic()
        os.killpg(self.process.pid, name)
        self.process.wait(within_s)
        return time.monotonic() - started_s

    def rassom(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of a second shell."""
        command = [sys.executable, "-m", "app.cli", *words]
        env = {"PATH": os.environ["PATH"], "RASSOM_HOME": str(self.home)}
        return subprocess.run(command, env=env, cwd=self.home, capture_output=True, text=True, check=False, timeout=60)

    @asynccontextmanager
    async def shop(self) -> AsyncIterator[Shop]:
        """A client of it, with a second pair of eyes on the database as it is now."""
        values: dict[str, Any] = {"database_url": self.addresses["database_url"], "log_level": "error"}
        simulator = cast("RunningSimulator", SimpleNamespace(url=self.simulator_url))
        async with Shop.open(self.url, Settings(_env_file=None, **values), simulator) as shop:
            yield shop

    async def fetch(self, statement: str, *, within_s: float = 40) -> list[asyncpg.Record]:
        """Ask the database, which may be away for a while."""
        async with asyncio.timeout(within_s):
            while True:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                    connection = await asyncpg.connect(self.addresses["database_url"], timeout=5)
                    try:
                        return await connection.fetch(statement)
                    finally:
                        connection.terminate()
                await asyncio.sleep(0.1)

    async def until_all_end(self, *, within_s: float = 40) -> list[asyncpg.Record]:
        """Wait until no generation runs any more; returns all of them."""
        started_s = time.monotonic()
        while True:
            rows = await self.fetch(_GENERATIONS)
            if all(row["status"] in {"completed", "failed", "cancelled"} for row in rows):
                return rows
            assert time.monotonic() - started_s < within_s, [dict(row) for row in rows]
            await asyncio.sleep(0.1)

    async def posts(self) -> Counter[str]:
        """How many tasks the provider has for each prompt; it remembers them over its own death."""
        async with httpx2.AsyncClient(base_url=f"{self.simulator_url}/sim", timeout=10, verify=NO_TLS) as control:
            found = (await control.get("/predictions")).json()["predictions"]
        return Counter(prediction["input"]["prompt"] for prediction in found)

    async def check(self, rows: list[asyncpg.Record]) -> None:
        """Nothing was ordered twice, nothing was completed without a task, and the books are right."""
        posts = await self.posts()
        assert [prompt for prompt, count in posts.items() if count > 1] == []
        assert [row["prompt"] for row in rows if row["status"] == "completed" and not posts[row["prompt"]]] == []
        audit = await Rassom(self.home, bare_environment(self.home))("audit")
        assert audit.code == 0, audit.said + audit.complained


@contextmanager
def rassom_up(home: Path, **env: str) -> Iterator[Up]:
    """A ready `rassom up` with the tests' own key; nothing of it is left at the end of the block."""
    with cleared(home):
        up = Up.start(home, BOOTSTRAP_API_KEY=BOT_KEY, **env)
        up.wait_until_ready()
        try:
            yield up
        finally:
            if up.process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    up.end(signal.SIGTERM)


def told(settings: Settings) -> dict[str, str]:
    """These settings, as the environment variables of a program."""
    values = settings.model_dump(exclude_none=True, exclude={"cors_origins", "rassom_home"})
    values |= {name: value.get_secret_value() for name, value in values.items() if isinstance(value, SecretStr)}
    return {name.upper(): str(value) for name, value in values.items()}


@contextmanager
def worker_process(settings: Settings, folder: Path, verb: str = "worker") -> Iterator[subprocess.Popen[bytes]]:
    """A worker (or another program) as a process of its own, for these settings; its log is `folder`/`verb`.out."""
    folder.mkdir(parents=True, exist_ok=True)
    env = bare_environment(folder, **told(settings))
    command = [sys.executable, "-m", "app.cli", verb]
    with cleared(folder):
        process = spawn(command, env=env, cwd=folder, out=folder / f"{verb}.out", errors=folder / f"{verb}.out")
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)


async def insist(shop: Shop, telegram_id: int, prompt: str, *, within_s: float = 40) -> int:
    """Order a picture as a client does whose API comes and goes: again, with the same key, until it is accepted; its id."""
    order, key = an_order(telegram_id, prompt=prompt), {"Idempotency-Key": str(uuid4())}
    async with asyncio.timeout(within_s):
        while True:
            with suppress(httpx2.TransportError):
                answer = await shop.http.post("/generations/submit", json=order, headers=key)
                if answer.status_code == 202:
                    return int(answer.json()["request"]["id"])
                is_in_flight = answer.status_code == 409 and answer.json()["code"] == "idempotency_in_flight"
                assert answer.status_code == 503 or is_in_flight, answer.text
            await asyncio.sleep(0.1)
