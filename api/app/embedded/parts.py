"""What `rassom up` runs, as data: the servers and programs, how each is started, and the environment that our programs get."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.core.config import Settings
from app.embedded import home as homes
from app.embedded import postgres, processes, valkey
from app.embedded.home import Running
from app.embedded.processes import EmbeddedError, Pause
from app.embedded.supervisor import Part, Program

SIMULATOR_TIMEOUT_S = 30.0
_PROGRAMS, _PROVIDER, _DATABASES = 0, 1, 2


def database(home: Path) -> Part[postgres.Postgres]:
    """The embedded PostgreSQL."""

    def start(pause: Pause) -> postgres.Postgres:
        return postgres.start(home, pause=pause)

    return Part("PostgreSQL", start, home / "log" / "postgres.log", _DATABASES)


def cache(home: Path) -> Part[valkey.Valkey]:
    """The embedded Valkey."""

    def start(pause: Pause) -> valkey.Valkey:
        return valkey.start(home, pause=pause)

    return Part("Valkey", start, home / "log" / "valkey.log", _DATABASES)


def simulator(home: Path, ports: tuple[int, int], *, options: Sequence[str] = ()) -> Part[Program]:
    """The provider's stand-in on these ports: its API's and its pictures'. Its own state survives a restart.

    `options` are those of its command line.
    """
    log = home / "log" / "simulator.log"
    command = [sys.executable, "-m", "simulator", "--api-key", homes.simulator_key(home), "--state-dir", str(home / "simulator")]
    command += ["--port", str(ports[0]), "--asset-port", str(ports[1]), *options]

    def start(pause: Pause) -> Program:
        begins_at = processes.size(log)
        program = Program(processes.start(command, log=log))
        try:
            _wait_until_it_says_ready(program, log, begins_at, pause)
        except BaseException:
            program.stop()
            raise
        return program

    return Part("simulator", start, log, _PROVIDER)


def program(name: str, home: Path, env: Mapping[str, str]) -> Part[Program]:
    """One of our own programs, `rassom NAME`, with this environment."""
    log = home / "log" / f"{name}.log"

    def start(_: Pause) -> Program:
        return Program(processes.start(verb(name), log=log, env=env))

    return Part(name, start, log, _PROGRAMS)


def verb(name: str) -> list[str]:
    """The command `rassom NAME`, in the interpreter that runs us."""
    return [sys.executable, "-m", "app.cli", name]


def environment(settings: Settings, running: Running, port: int) -> dict[str, str]:
    """The environment of our programs: the user's, and on top of it where everything is."""
    set_here = {
        "HOST": settings.host,
        "PORT": str(port),
        "DATABASE_URL": running.database_url,
        "REDIS_URL": running.redis_url,
        "WAVESPEED_API_BASE_URL": running.wavespeed_api_base_url,
        "WAVESPEED_API_KEY": running.wavespeed_api_key,
        "BOOTSTRAP_API_KEY": homes.owner_key(settings),
        "RASSOM_HOME": str(settings.rassom_home),
        "RUN_MIGRATIONS": "false",
    }
    # Settings have names without case: a lower-case one of the user's would stand beside ours.
    return {name: value for name, value in os.environ.items() if name.upper() not in set_here} | set_here


def bot_environment(settings: Settings, running: Running) -> dict[str, str]:
    """What the bot needs besides: where the API is, and a key that may do everything there."""
    return {"API_BASE_URL": running.api_url, "API_KEY": homes.owner_key(settings)}


def metrics_port(name: str, settings: Settings) -> dict[str, str]:
    """Two programs on one machine cannot share a port: the API has METRICS_PORT, the worker the next one."""
    if settings.metrics_port is None or name != "worker":
        return {}
    return {"METRICS_PORT": str(settings.metrics_port + 1)}


def _wait_until_it_says_ready(program: Program, log: Path, begins_at: int, pause: Pause) -> None:
    deadline_s = time.monotonic() + SIMULATOR_TIMEOUT_S
    while time.monotonic() < deadline_s and program.process.poll() is None:
        if any(_is_ready_line(line) for line in processes.said_since(log, begins_at).splitlines()):
            return
        pause(0.03)
    said = " ".join(processes.said_since(log, begins_at).splitlines()[-3:]) or "it said nothing"
    msg = f"The simulator did not start: {said} (log: {log}). Use the real provider instead: WAVESPEED_API_KEY=… make run"
    raise EmbeddedError(msg)


def _is_ready_line(line: str) -> bool:
    try:
        return bool(json.loads(line)["event"] == "ready")
    except (ValueError, TypeError, KeyError):
        return False
