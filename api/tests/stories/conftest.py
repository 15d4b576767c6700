"""One shop in Telegram for all stories of a run: its programs are started once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings
from app.embedded import postgres, valkey
from simulator.server import RunningSimulator
from tests.conftest import SIMULATOR_KEY, TEMPLATE
from tests.factories import BOT_KEY, a_database
from tests.telegram_shop import TelegramShop


@pytest.fixture(scope="session")
async def shared_telegram_shop(
    postgres_server: postgres.Postgres,
    valkey_server: valkey.Valkey,
    shared_simulator: RunningSimulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[TelegramShop]:
    folder: Path = tmp_path_factory.mktemp("bot")
    async with a_database(postgres_server.dsn("postgres"), TEMPLATE) as dsn:
        values: dict[str, Any] = {
            "database_url": dsn,
            "redis_url": valkey_server.url,
            "wavespeed_api_base_url": f"{shared_simulator.url}/api/v3",
            "wavespeed_api_key": SIMULATOR_KEY,
            "wavespeed_poll_interval_seconds": 0.05,
            "bootstrap_api_key": BOT_KEY,
            "worker_lease_seconds": 2,
            "log_level": "warning",
        }
        async with TelegramShop.open(Settings(_env_file=None, **values), shared_simulator, folder) as shop:
            yield shop


@pytest.fixture
async def telegram_shop(shared_telegram_shop: TelegramShop, simulator: RunningSimulator) -> AsyncIterator[TelegramShop]:  # noqa: ARG001
    """The shop with a bot that runs, without faults at Telegram and at the provider; its books are right at the end."""
    bot = shared_telegram_shop.bot
    if bot.process is None or bot.process.poll() is not None:
        await bot.start()
    yield shared_telegram_shop
    (await shared_telegram_shop.telegram.delete("/faults")).raise_for_status()
    await shared_telegram_shop.api.check_books()
