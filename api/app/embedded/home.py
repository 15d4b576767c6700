"""What `rassom up` keeps in RASSOM_HOME beside the data: its keys, its ports, its lock and where it can be reached now."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core.config import Settings
from app.domain.keys.rules import generate_secret
from app.embedded import ports
from app.embedded.processes import EmbeddedError, Pause

LOCK_RETRY_S = 0.3


@dataclass(frozen=True)
class Running:
    """Where a running `rassom up` can be reached, for the commands that a second shell runs."""

    api_url: str
    database_url: str
    redis_url: str
    wavespeed_api_base_url: str
    wavespeed_api_key: str


class AlreadyRunningError(EmbeddedError):
    """Another `rassom up` works on the same data."""


def prepare(home: Path) -> None:
    """Make the directory. Raises EmbeddedError when this user may not."""
    try:
        (home / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
        may_write = os.access(home, os.W_OK | os.X_OK) and os.access(home / "run", os.W_OK | os.X_OK)
    except (PermissionError, NotADirectoryError, FileExistsError):
        may_write = False
    if not may_write:
        msg = f"You may not keep data in {home}. Make it yours, or choose another place: RASSOM_HOME=$HOME/rassom make run"
        raise EmbeddedError(msg)


@contextmanager
def locked(home: Path) -> Iterator[bool]:
    """Keep a second `rassom up` off the same data; the lock ends with this process, however it ends.

    Yields whether the one before was cut off (a `kill -9`, a power cut): its programs may be ending only now.
    Raises AlreadyRunningError.
    """
    give_up_s = time.monotonic() + LOCK_RETRY_S
    while not (lock := _take_lock(home)):
        # `find_running` of another command holds it for a moment.
        if time.monotonic() > give_up_s:
            msg = (
                f"Rassom is running already on the data in {home}. Stop it there, or use other data: RASSOM_HOME=elsewhere make run"
            )
            raise AlreadyRunningError(msg)
        time.sleep(0.02)
    try:
        was_cut_off = os.fstat(lock).st_size > 0
        _running_file(home).unlink(missing_ok=True)
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield was_cut_off
    finally:
        os.truncate(lock, 0)
        _running_file(home).unlink(missing_ok=True)
        os.close(lock)


def write_running(home: Path, running: Running) -> None:
    """Note where this `rassom up` can be reached. Holds addresses and keys, so only its owner may read it."""
    _write_private(_running_file(home), json.dumps(asdict(running)))


def find_running(home: Path) -> Running | None:
    """Where the `rassom up` that works on this data can be reached, or None when none does or it is not ready yet."""
    with suppress(OSError, ValueError, TypeError):
        running = Running(**json.loads(_running_file(home).read_text()))
        lock = _take_lock(home)
        if not lock:
            return running
        os.close(lock)
    return None


def with_running(settings: Settings) -> Settings:
    """These settings, with the addresses of a running `rassom up` where they name no database of their own."""
    running = find_running(settings.rassom_home) if settings.database_dsn is None else None
    if running is None:
        return settings
    found = {name: value for name, value in asdict(running).items() if name != "api_url"}
    return Settings(**{**settings.model_dump(exclude_unset=True), **found})


def owner_key(settings: Settings) -> str:
    """The key that `rassom up` gives to its owner: BOOTSTRAP_API_KEY, or one made once and readable by them alone."""
    if settings.bootstrap_api_key is not None:
        return settings.bootstrap_api_key.get_secret_value()
    return _secret(settings.rassom_home / "api-key")


def simulator_key(home: Path) -> str:
    """The key between us and our simulator."""
    return _secret(home / "simulator-key")


def simulator_ports(home: Path, *, wait_s: float, pause: Pause) -> tuple[int, int]:
    """The simulator's two ports, the same ones at each start: picture URLs of yesterday stay good.

    Others are taken when somebody holds one of them, and goes on holding it for `wait_s` seconds.
    """
    file = home / "simulator-ports.json"
    with suppress(OSError, ValueError, TypeError):
        first, second = (int(port) for port in json.loads(file.read_text()))
        if all(ports.wait_until_free("127.0.0.1", port, within_s=wait_s, pause=pause) for port in (first, second)):
            return first, second
    first, second = ports.free_ports(2)
    _write_private(file, json.dumps([first, second]))
    return first, second


def _secret(file: Path) -> str:
    with suppress(FileNotFoundError):
        if secret := file.read_text().strip():
            return secret
    secret = generate_secret()
    file.parent.mkdir(parents=True, exist_ok=True)
    _write_private(file, secret)
    return secret


def _write_private(file: Path, text: str) -> None:
    # Written aside and renamed: a start that is killed half way leaves no half a key.
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    fresh.replace(file)


def _take_lock(home: Path) -> int:
    """An open file that holds the lock, to be closed; 0 when another process holds it."""
    lock = os.open(home / "run" / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return 0
    return lock


def _running_file(home: Path) -> Path:
    return home / "run" / "up.json"
