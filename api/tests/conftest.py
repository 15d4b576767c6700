"""Real services for every test: one PostgreSQL and one Valkey per worker process, a fresh database per test, a provider over HTTP.

A test that needs more than one thing of a kind builds it with a factory of factories.py.
"""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.core.config import Settings
from app.db import migrations
from app.embedded import postgres, valkey
from app.resources import Resources, open_resources
from simulator.server import RunningSimulator, running_simulator
from simulator.settings import Behaviour, SimulatorSettings
from telegram_simulator.server import RunningTelegram, running_telegram
from telegram_simulator.settings import TelegramSettings
from tests import order, running
from tests.credentials import BOT_TOKEN
from tests.factories import BOT_KEY, NO_TLS, Shop, a_database
from tests.telegram_side import TelegramSide

SIMULATOR_KEY = "sim-key-of-the-tests"
TEMPLATE = "rassom"
MEMORY_MIN_BYTES = 4 * 1024**3

# Modules, schemas and tests are made once and stay: looking through all of them again and again costs a quarter of the collection.
gc.disable()


def pytest_collection_finish() -> None:
    """Leave what is there to itself; from here on garbage is collected as ever."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, where tests run side by side."""
    if hasattr(config, "workerinput"):
        order.sort(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> order.ByFile | None:
    """Hand the tests out file by file."""
    return order.scheduler(config, log)


@pytest.fixture(scope="session", autouse=True)
def _bare_environment() -> Iterator[None]:
    """What the shell that runs the tests has set must not decide them."""
    before = dict(os.environ)
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)
    yield
    os.environ.update(before)


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    # A database per test is a copy of a few hundred files: in memory, where there is enough of it, that is twenty times quicker.
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    is_roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_MIN_BYTES
    with tempfile.TemporaryDirectory(prefix="rassom-tests-", dir=memory if is_roomy else None, ignore_cleanup_errors=True) as home:
        yield Path(home)


@pytest.fixture(scope="session")
def postgres_server(server_home: Path) -> Iterator[postgres.Postgres]:
    with postgres.start(server_home, durable=False) as server:
        migrations.migrate(server.dsn(TEMPLATE))
        yield server


@pytest.fixture(scope="session")
def valkey_server(server_home: Path) -> Iterator[valkey.Valkey]:
    with valkey.start(server_home) as server:
        yield server


@pytest.fixture
async def database_url(postgres_server: postgres.Postgres) -> AsyncIterator[str]:
    """A migrated database of this test's own."""
    async with a_database(postgres_server.dsn("postgres"), TEMPLATE) as dsn:
        yield dsn


@pytest.fixture
async def empty_database_url(postgres_server: postgres.Postgres) -> AsyncIterator[str]:
    """A database without a single table."""
    async with a_database(postgres_server.dsn("postgres")) as dsn:
        yield dsn


@pytest.fixture
async def redis_url(valkey_server: valkey.Valkey) -> str:
    """An empty Valkey."""
    process = await asyncio.open_unix_connection(str(valkey_server.socket_path))
    reader, writer = process
    writer.write(b"FLUSHALL\r\n")
    await reader.readline()
    writer.close()
    await writer.wait_closed()
    return valkey_server.url


@pytest.fixture(scope="session")
async def shared_simulator() -> AsyncIterator[RunningSimulator]:
    quick = Behaviour(delay_s=0.05, webhook_backoff_s=0.02)
    async with running_simulator(SimulatorSettings(api_key=SIMULATOR_KEY, behaviour=quick)) as simulator:
        yield simulator


@pytest.fixture
async def simulator(shared_simulator: RunningSimulator) -> RunningSimulator:
    """The provider, as it was at its start: quick, without faults, with an empty log and history."""
    async with httpx2.AsyncClient(base_url=f"{shared_simulator.url}/sim", verify=NO_TLS) as control:
        for what in ("config", "faults", "log", "predictions"):
            (await control.delete(f"/{what}")).raise_for_status()
    return shared_simulator


@pytest.fixture(scope="session")
async def shared_telegram() -> AsyncIterator[RunningTelegram]:
    async with running_telegram(TelegramSettings(token=BOT_TOKEN)) as telegram:
        yield telegram


@pytest.fixture
def telegram(shared_telegram: RunningTelegram) -> TelegramSide:
    """Telegram, in which nothing happened yet."""
    shared_telegram.telegram.reset()
    shared_telegram.telegram.log.clear()
    return TelegramSide(shared_telegram)


@pytest.fixture
def settings(database_url: str, redis_url: str, simulator: RunningSimulator) -> Settings:
    """Everything configured, everything quick."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "wavespeed_api_base_url": f"{simulator.url}/api/v3",
        "wavespeed_api_key": SIMULATOR_KEY,
        "wavespeed_poll_interval_seconds": 0.05,
        "bootstrap_api_key": BOT_KEY,
        "rate_limit_enabled": False,
        "requests_at_once_max": 2000,  # of many at once each is to be answered
        "worker_lease_seconds": 2,
        "log_level": "warning",
    }
    return Settings(_env_file=None, **values)


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    """The process's connections, for tests below the API."""
    async with open_resources(settings, program="tests") as opened:
        yield opened


@pytest.fixture
async def shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    """A running API with its provider, and no worker: orders wait in the queue."""
    async with AsyncExitStack() as stack:
        base_url = await stack.enter_async_context(running.api(settings))
        yield await stack.enter_async_context(Shop.open(base_url, settings, simulator))


@pytest.fixture
async def busy_shop(shop: Shop) -> AsyncIterator[Shop]:
    """A running API with its provider and one worker."""
    async with running.worker(shop.settings):
        yield shop
