"""A wrong setting stops the bot with the variable's name."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings, SettingsError, load_settings

GOOD: dict[str, Any] = {
    "bot_token": "123456789:" + "t" * 35,
    "api_key": "rsk_x",
    "redis_url": "redis://127.0.0.1:6379/0",
}


def settings(**more: Any) -> Settings:
    return load_settings(_env_file=None, **GOOD | more)


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("bot_token", "abc"),
            ("redis_url", "http://x"),
            ("api_base_url", "localhost:8000"),
            ("telegram_api_base_url", "ftp://x"),
            ("public_base_url", "shop"),
            ("admin_ids", "me"),
            ("admin_ids", "0"),
            ("bot_webhook_secret", "short"),
            ("bot_port", 0),
            ("bot_delivery_lease_seconds", 1),
        ],
    )
    def test_name_what_is_wrong(self, name: str, value: object) -> None:
        with pytest.raises(SettingsError, match=f"^{name.upper()}: "):
            settings(**{name: value})

    @pytest.mark.parametrize("name", ["bot_token", "api_key", "redis_url"])
    def test_name_what_is_missing(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(name.upper(), raising=False)
        with pytest.raises(SettingsError, match=f"^{name.upper()}: not set$"):
            load_settings(_env_file=None, **{key: value for key, value in GOOD.items() if key != name})

    @pytest.mark.parametrize("ids", ["1001,1002", "[1001, 1002]", " 1001 , 1002 ,"])
    def test_read_ids_of_operators(self, ids: str) -> None:
        assert settings(admin_ids=ids).admin_ids == {1001, 1002}

    def test_mean_long_polling_unless_address_and_secret_are_there(self) -> None:
        secret = "s" * 20
        assert settings(public_base_url="https://shop.example").webhook_url is None
        assert settings(bot_webhook_secret=secret).webhook_url is None
        both = settings(public_base_url="https://shop.example/", bot_webhook_secret=secret)
        assert both.webhook_url == "https://shop.example/telegram/webhook"


class TestProgram:
    def test_ends_with_one_line_when_a_setting_is_missing(self, tmp_path: Path) -> None:
        env = {"PATH": os.environ["PATH"]}
        ended = subprocess.run(
            [sys.executable, "-m", "bot"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
        )
        assert ended.returncode == 1
        assert ended.stderr.splitlines() == ["BOT_TOKEN: not set", "API_KEY: not set", "REDIS_URL: not set"]
