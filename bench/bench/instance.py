"""A Rassom of the bench's own: `rassom up` in a fresh directory, PostgreSQL with fsync on, real processes, no rate limits."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 15.0
AUDIT_TIMEOUT_S = 300.0
MIB = 1024 * 1024

# Which process of `rassom up` is which, by its command line.
_PARTS: dict[str, Callable[[list[str]], bool]] = {
    "postgres": lambda words: words[0].endswith("/postgres") and "-D" in words,
    "valkey": lambda words: "valkey-server" in words[0],
    "simulator": lambda words: "simulator" in words,
    "api": lambda words: words[-2:] == ["app.cli", "api"],
    "worker": lambda words: words[-2:] == ["app.cli", "worker"],
}
PARTS = tuple(_PARTS)


class InstanceError(Exception):
    """The instance did not start, or ended; the message holds its own words."""


class Instance:
    """A running `rassom up` on data of its own, with settings of its own."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self.home = home
        self.key = f"rsk_{secrets.token_urlsafe(40)}"
        self.port = _free_port()
        # Nothing of the shell that runs the bench changes what is measured.
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "RASSOM_HOME": str(home),
            "PORT": str(self.port),
            "ENVIRONMENT": "production",
            "BOOTSTRAP_API_KEY": self.key,
            "RATE_LIMIT_ENABLED": "false",
            **env,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it and wait until orders can be taken; returns the seconds from the command to there. Raises InstanceError."""
        self.home.mkdir(parents=True, exist_ok=True)
        began_at, began_s = time.time(), time.monotonic()
        with (self.home / "bench.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "up"],
                env=self._env,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        while not self._is_ready(began_at):
            if self._process.poll() is not None or time.monotonic() - began_s > START_TIMEOUT_S:
                raise InstanceError(f"rassom up is not ready:\n{(self.home / 'bench.log').read_text()[-4000:]}")
            time.sleep(0.01)
        return time.monotonic() - began_s

    def stop(self) -> None:
        """End it as Ctrl-C does; what does not end is killed."""
        if self._process is None:
            return
        children = psutil.Process(self._process.pid).children(recursive=True) if self._process.poll() is None else []
        for child in children:
            with suppress(psutil.Error):
                child.resume()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            for child in children:
                with suppress(psutil.Error):
                    child.kill()
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def api_url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        """Its database, for the role that owns it."""
        return str(self._addresses()["database_url"])

    @property
    def superuser_url(self) -> str:
        """Its database for the superuser: who seeds millions of rows writes past the triggers."""
        return self.database_url.replace("://rassom@", "://postgres@")

    @property
    def simulator_url(self) -> str:
        """The provider, without its /api/v3."""
        return str(self._addresses()["wavespeed_api_base_url"]).removesuffix("/api/v3")

    @property
    def simulator_key(self) -> str:
        """The key that the provider takes."""
        return str(self._addresses()["wavespeed_api_key"])

    def find(self, part: str) -> psutil.Process:
        """One of its processes by name (PARTS). Raises InstanceError when it does not run."""
        if self._process is not None:
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.Error, IndexError):
                    if _PARTS[part](child.cmdline()):
                        return child
        raise InstanceError(f"no {part} is running")

    @contextmanager
    def without(self, part: str) -> Iterator[None]:
        """Hold one of its processes still while the block runs, so that it takes no processor from what is measured."""
        process = self.find(part)
        process.suspend()
        try:
            yield
        finally:
            with suppress(psutil.Error):
                process.resume()

    def memory_mib(self) -> dict[str, float]:
        """What each part holds: PostgreSQL with all its connections, what they share counted once."""
        found = {}
        for part in PARTS:
            with suppress(psutil.Error, InstanceError):
                process = self.find(part)
                family = [process, *process.children(recursive=True)] if part == "postgres" else [process]
                found[part] = sum(_memory_bytes(each) for each in family) / MIB
        return found

    def processor_s(self) -> dict[str, float]:
        """The processor time that each part has used since it was started, its ended connections included."""
        found = {}
        for part in PARTS:
            with suppress(psutil.Error, InstanceError):
                process = self.find(part)
                used = process.cpu_times()
                family = process.children(recursive=True) if part == "postgres" else []
                times = [used, *(each.cpu_times() for each in family)]
                found[part] = sum(each.user + each.system for each in times) + used.children_user + used.children_system
        return found

    async def rassom(self, *words: str) -> tuple[int, str]:
        """Run a command of a second shell; its exit code and what it said."""
        command = [sys.executable, "-m", "app.cli", *words]
        process = await asyncio.create_subprocess_exec(
            *command, env=self._env, cwd=self.home, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), AUDIT_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            return 1, f"not within {AUDIT_TIMEOUT_S:.0f} s"
        return process.returncode or 0, said.decode(errors="replace")

    def _addresses(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "run" / "up.json").read_text())
        return found

    def _is_ready(self, began_at: float) -> bool:
        file = self.home / "run" / "up.json"
        if not file.exists() or file.stat().st_mtime < began_at:
            return False
        try:
            with urllib.request.urlopen(f"{self.api_url}/api/v1/ready", timeout=2) as answer:  # noqa: S310 - http on loopback
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running_instance(env: Mapping[str, str], *, keep: Path | None = None) -> Iterator[Instance]:
    """A ready instance in a directory that is gone afterwards; its logs are copied to `keep` when the block raises."""
    with tempfile.TemporaryDirectory(prefix="rassom-bench-", ignore_cleanup_errors=True) as folder:
        instance = Instance(Path(folder) / "home", env)
        try:
            instance.start()
            yield instance
        except BaseException:
            if keep is not None and (instance.home / "log").exists():
                shutil.copytree(instance.home / "log", keep, dirs_exist_ok=True)
            raise
        finally:
            instance.stop()


def _memory_bytes(process: psutil.Process) -> int:
    # PSS divides what is shared, as PostgreSQL's buffers are, among those who share it; not every system tells it.
    try:
        return int(process.memory_full_info().pss)
    except (AttributeError, psutil.AccessDenied):
        return int(process.memory_info().rss)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
