"""A shop whose bot is known, so that Telegram can be asked."""

import pytest

from app.core.config import Settings
from tests.credentials import BOT_TOKEN
from tests.factories import changed
from tests.telegram_side import TelegramSide


@pytest.fixture
def settings(settings: Settings, telegram: TelegramSide) -> Settings:
    return changed(settings, bot_token=BOT_TOKEN, telegram_api_base_url=telegram.url)
