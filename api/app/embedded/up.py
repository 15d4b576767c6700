"""`rassom up`: everything in one command, on embedded parts where the settings name none."""

import http.client
import os
import sys
import time
from pathlib import Path

from app.core.config import Settings
from app.db import migrations
from app.embedded import banner, parts, ports, processes
from app.embedded import home as homes
from app.embedded.home import AlreadyRunningError, Running
from app.embedded.processes import EmbeddedError
from app.embedded.supervisor import StopRequested, Supervisor, say

READY_TIMEOUT_S = 60.0
# How long the programs of a `rassom up` that was killed may take to leave their ports.
CUT_OFF_TIMEOUT_S = 5.0
INTERRUPTED = 130


def run(settings: Settings, *, demo: bool = False, migration: str = "") -> int:
    """Start everything, say where it is, and keep it running until Ctrl-C or SIGTERM; returns the exit code.

    `demo`: make one picture instead of waiting, then stop. `migration`: write a migration of this name from the models and stop.
    """
    home = settings.rassom_home.expanduser().resolve()
    settings = settings.model_copy(update={"rassom_home": home})
    try:
        homes.prepare(home)
        return _run_alone(settings, demo=demo, migration=migration)
    except AlreadyRunningError as error:
        running = homes.find_running(home)
        if running is not None and demo:
            say(f"Using the Rassom that is running at {running.api_url}.")
            return _run_demo(Supervisor(), running.api_url, homes.owner_key(settings))
        if running is not None and migration:
            return _write_migration(running.database_url, migration)
        return _fail(str(error))
    except (EmbeddedError, OSError) as error:
        return _fail(str(error))


def _run_alone(settings: Settings, *, demo: bool, migration: str) -> int:
    supervisor = Supervisor()
    try:
        with homes.locked(settings.rassom_home) as was_cut_off, supervisor.running():
            if migration:
                return _write_migration(_start_database(settings, supervisor), migration)
            wait_s = CUT_OFF_TIMEOUT_S if was_cut_off else 0
            return _run_everything(settings, supervisor, demo=demo, wait_s=wait_s)
    except StopRequested:
        return INTERRUPTED if demo or migration else 0


def _run_everything(settings: Settings, supervisor: Supervisor, *, demo: bool, wait_s: float) -> int:
    started_s, home, key = time.monotonic(), settings.rassom_home, homes.owner_key(settings)
    port = _choose_port(settings, supervisor, may_move=demo and "port" not in settings.model_fields_set, wait_s=wait_s)
    running = _start_servers(settings, supervisor, port, wait_s)
    env = parts.environment(settings, running, port)
    say("starting  migrations, API, worker")
    if not migrations.is_at_head(running.database_url):
        _migrate(supervisor, home, env)
    for name in ("api", "worker"):
        supervisor.add(parts.program(name, home, env | parts.metrics_port(name, settings)))
    host = _reachable(settings.host)
    supervisor.wait_for(lambda: _is_ready(host, port), within_s=READY_TIMEOUT_S, what="The API")
    if settings.bot_token is not None and not demo:
        say("starting  bot")
        supervisor.add(parts.program("bot", home, env | parts.bot_environment(settings, running)))
    supervisor.steady()
    homes.write_running(home, running)
    if not demo:
        say(banner.text(settings, running, key=key, seconds=time.monotonic() - started_s))
        supervisor.watch()
    return _run_demo(supervisor, running.api_url, key)


def _choose_port(settings: Settings, supervisor: Supervisor, *, may_move: bool, wait_s: float) -> int:
    if ports.wait_until_free(settings.host, settings.port, within_s=wait_s, pause=supervisor.pause):
        return settings.port
    if may_move:
        return ports.free_ports(1)[0]
    ports.check(settings.host, settings.port)
    return settings.port


def _start_servers(settings: Settings, supervisor: Supervisor, port: int, wait_s: float) -> Running:
    home = settings.rassom_home
    database_url = _start_database(settings, supervisor)
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else _start_cache(home, supervisor)
    provider_url, provider_key = settings.wavespeed_api_base_url, settings.wavespeed_api_key
    if provider_key is not None:
        provider_secret = provider_key.get_secret_value()
    else:
        say("starting  simulator")
        simulator_ports = homes.simulator_ports(home, wait_s=wait_s, pause=supervisor.pause)
        supervisor.add(parts.simulator(home, simulator_ports))
        provider_url, provider_secret = f"http://127.0.0.1:{simulator_ports[0]}/api/v3", homes.simulator_key(home)
    host = _reachable(settings.host)
    api_url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return Running(api_url, database_url, redis_url, provider_url, provider_secret)


def _start_database(settings: Settings, supervisor: Supervisor) -> str:
    if settings.database_dsn is not None:
        return settings.database_dsn
    say("starting  PostgreSQL")
    server = supervisor.add(parts.database(settings.rassom_home))
    return server.dsn()


def _start_cache(home: Path, supervisor: Supervisor) -> str:
    say("starting  Valkey")
    server = supervisor.add(parts.cache(home))
    return server.url


def _migrate(supervisor: Supervisor, home: Path, env: dict[str, str]) -> None:
    # A program of its own: a long migration of somebody's big database still ends at Ctrl-C.
    log = home / "log" / "migrate.log"
    if processes.run(parts.verb("migrate"), log=log, env=env, pause=supervisor.tend) != 0:
        raise EmbeddedError(f"The database could not be migrated. The end of {log}:\n{processes.tail(log)}")


def _write_migration(dsn: str, name: str) -> int:
    migrations.migrate(dsn)
    say(f"written   {migrations.write(dsn, name)}")
    return 0


def _run_demo(supervisor: Supervisor, api_url: str, key: str) -> int:
    env = {**os.environ, "API_BASE_URL": api_url, "API_KEY": key}
    return processes.run(parts.verb("demo"), log=None, env=env, pause=supervisor.tend)


def _reachable(host: str) -> str:
    """The address under which a server that listens on `host` answers on this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _is_ready(host: str, port: int) -> bool:
    # Not urllib: a proxy in the environment is for other hosts than this one.
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/api/v1/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _fail(reason: str) -> int:
    sys.stderr.write(reason + "\n")
    return 1
