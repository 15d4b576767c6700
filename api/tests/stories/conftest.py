"""One shop in Telegram for all stories of a run: its programs are started once."""

from collections.abc import AsyncIterator

import pytest

from app.embedded import postgres, valkey
from tests.conftest import TEMPLATE
from tests.factories import a_database
from tests.telegram_shop import TelegramShop


@pytest.fixture(scope="session")
async def shared_telegram_shop(
    postgres_server: postgres.Postgres, valkey_server: valkey.Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TelegramShop]:
    folder = tmp_path_factory.mktemp("shop")
    async with (
        a_database(postgres_server.dsn("postgres"), TEMPLATE) as dsn,
        TelegramShop.open(dsn, valkey_server.url, folder) as shop,
    ):
        yield shop


@pytest.fixture
async def telegram_shop(shared_telegram_shop: TelegramShop) -> AsyncIterator[TelegramShop]:
    """The shop with a bot that runs, without faults at Telegram and at the provider; its books are right at the end."""
    if not shared_telegram_shop.bot.is_running:
        await shared_telegram_shop.bot.start()
    await shared_telegram_shop.calm_provider()
    yield shared_telegram_shop
    (await shared_telegram_shop.telegram.delete("/faults")).raise_for_status()
    await shared_telegram_shop.api.check_books()
