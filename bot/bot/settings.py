"""Settings of the bot, read once at start from the environment and `.env`; nothing else reads the environment.

A wrong or missing value stops the program with the variable's name and what it wants (`load_settings`).
"""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

WEBHOOK_PATH = "/telegram/webhook"


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the variable and says what it wants."""


class Settings(BaseSettings):
    """All settings of the bot. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    bot_token: SecretStr
    api_base_url: str = "http://127.0.0.1:8000"
    api_key: SecretStr
    telegram_api_base_url: str = "https://api.telegram.org"
    redis_url: SecretStr
    admin_ids: Annotated[frozenset[int], NoDecode] = frozenset()
    support_contact: str | None = Field(default=None, max_length=200)

    public_base_url: str | None = None
    bot_webhook_secret: SecretStr | None = None
    host: str = "127.0.0.1"
    bot_port: int = Field(default=8081, ge=1, le=65535)
    bot_delivery_lease_seconds: int = Field(default=60, ge=2, le=300)

    environment: Literal["local", "staging", "production"] = "local"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("bot_token")
    @classmethod
    def _check_token(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]{30,}", value.get_secret_value()):
            msg = "must be a bot's token as BotFather shows it: its number, a colon, and its secret"
            raise ValueError(msg)
        return value

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"(redis|rediss|unix)://", value.get_secret_value()):
            msg = "must be a URL that starts with redis://, rediss://, unix://"
            raise ValueError(msg)
        return value

    @field_validator("api_base_url", "telegram_api_base_url", "public_base_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "must be an http(s) URL such as https://example.com"
            raise ValueError(msg)
        return value.rstrip("/")

    @field_validator("admin_ids", mode="before")
    @classmethod
    def _split_ids(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        ids = [word.strip() for word in value.strip("[]").split(",") if word.strip()]
        if not all(re.fullmatch(r"[1-9][0-9]{0,15}", word) for word in ids):
            msg = "must be Telegram ids with commas between, such as 1001,1002"
            raise ValueError(msg)
        return frozenset(map(int, ids))

    @field_validator("bot_webhook_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value.get_secret_value()):
            msg = "must be 16 to 256 characters of A-Z a-z 0-9 _ -, as Telegram takes them"
            raise ValueError(msg)
        return value

    @property
    def webhook_url(self) -> str | None:
        """Where Telegram sends updates, or None for long polling. The API uses PUBLIC_BASE_URL too: the secret decides."""
        if self.public_base_url is None or self.bot_webhook_secret is None:
            return None
        return f"{self.public_base_url}{WEBHOOK_PATH}"


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` win over the environment.

    Raises SettingsError with one line per missing or wrong variable, by its name in the environment.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # each is validated by the field it names
    except ValidationError as error:
        lines = []
        for detail in error.errors():
            name = str(detail["loc"][0]).upper() if detail["loc"] else ""
            message = "not set" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message}")
        raise SettingsError("\n".join(lines)) from None
