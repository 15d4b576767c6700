"""Settings: every knob of Rassom, read once at start from the environment and `.env`; nothing else reads the environment.

A wrong value stops the program with the variable's name and what it wants (`load_settings`). Defaults are those of the contract.
"""

import ipaddress
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Environment = Literal["local", "staging", "production"]
_SCHEMES = {"database_url": ("postgresql", "postgres"), "redis_url": ("redis", "rediss", "unix")}
WEBHOOK_SECRET_CHARS_MIN = 16


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the variable and says what it wants."""


class Settings(BaseSettings):
    """All settings of the api, the worker and the command line. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    environment: Environment = "local"
    app_name: str = "Rassom"
    app_version: str = Field(default_factory=lambda: version("rassom-api"))
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    database_url: SecretStr | None = None
    postgres_host: str | None = None
    postgres_port: int = Field(default=5432, ge=1, le=65535)
    postgres_user: str = "rassom"
    postgres_password: SecretStr | None = None
    postgres_db: str = "rassom"
    database_pool_size: int = Field(default=10, ge=1, le=500)
    redis_url: SecretStr | None = None
    run_migrations: bool = True

    cors_origins: Annotated[list[str], NoDecode] = []
    auth_disabled: bool = False
    bootstrap_api_key: SecretStr | None = None
    bot_token: SecretStr | None = None
    telegram_api_base_url: str = "https://api.telegram.org"
    rate_limit_enabled: bool = True
    rate_limit_rps: int = Field(default=5, ge=1, le=100_000)
    rate_limit_burst: int = Field(default=10, ge=1, le=100_000)
    requests_at_once_max: int = Field(default=64, ge=0, le=100_000)
    forwarded_allow_ips: str | None = None

    wavespeed_api_base_url: str = "https://api.wavespeed.ai/api/v3"
    wavespeed_api_key: SecretStr | None = None
    wavespeed_sync_mode: bool = True
    wavespeed_timeout_seconds: float = Field(default=180, gt=0, le=3600)
    wavespeed_max_concurrency: int = Field(default=100, ge=1, le=100_000)
    wavespeed_poll_interval_seconds: float = Field(default=2, gt=0, le=60)
    wavespeed_upload_flow: Literal["auto", "binary", "ticket"] = "auto"
    wavespeed_breaker_failures: int = Field(default=5, ge=0, le=1000)
    wavespeed_balance_min_usd: float = Field(default=0.5, ge=0, le=1_000_000, allow_inf_nan=False)
    wavespeed_webhook_secret: SecretStr | None = None
    public_base_url: str | None = None

    generation_deadline_seconds: float = Field(default=900, gt=0, le=86_400)
    generation_queue_max: int = Field(default=10_000, ge=0, le=10_000_000)
    trial_generations: int = Field(default=1, ge=0, le=1000)
    worker_lease_seconds: float = Field(default=30, ge=1, le=600)

    metrics_port: int | None = Field(default=None, ge=1, le=65535)

    rassom_home: Path = Path(".rassom")

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        try:
            value.encode("idna")  # as a resolver will, and it fails in no other way than this
        except UnicodeError:
            msg = "must be an address or a name of this machine, such as 127.0.0.1 or 0.0.0.0"
            raise ValueError(msg) from None
        return value

    @field_validator("database_url", "redis_url")
    @classmethod
    def _check_scheme(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        schemes = _SCHEMES[info.field_name or ""]
        if value is not None and not re.match(rf"({'|'.join(schemes)})(\+\w+)?://", value.get_secret_value()):
            msg = f"must be a URL that starts with {'://, '.join(schemes)}://"
            raise ValueError(msg)
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [origin.strip() for origin in value.split(",") if origin.strip()]

    @field_validator("wavespeed_api_base_url", "public_base_url", "telegram_api_base_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "must be an http(s) URL such as https://example.com"
            raise ValueError(msg)
        return value.rstrip("/")

    @field_validator("bootstrap_api_key")
    @classmethod
    def _check_bootstrap_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"rsk_[A-Za-z0-9_-]{43,252}", value.get_secret_value()):
            msg = "must be rsk_ and 43 to 252 characters of A-Z a-z 0-9 _ -, such as `rassom keys generate` prints"
            raise ValueError(msg)
        return value

    @field_validator("bot_token")
    @classmethod
    def _check_bot_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]{30,}", value.get_secret_value()):
            msg = "must be a bot's token as BotFather shows it: its number, a colon, and its secret"
            raise ValueError(msg)
        return value

    @field_validator("wavespeed_webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        # Anybody could sign with the empty key that a bare prefix stands for.
        if value is not None and len(value.get_secret_value().removeprefix("whsec_")) < WEBHOOK_SECRET_CHARS_MIN:
            msg = f"must be whsec_ and at least {WEBHOOK_SECRET_CHARS_MIN} characters, as the provider shows it"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _check_auth_disabled(self) -> Self:
        if self.auth_disabled and not (self.environment == "local" and _is_loopback(self.host)):
            msg = "AUTH_DISABLED is only accepted while ENVIRONMENT=local and HOST is a loopback address"
            raise ValueError(msg)
        return self

    @property
    def database_dsn(self) -> str | None:
        """The PostgreSQL URL in libpq form (`postgresql://…`), or None when nothing was set and the embedded one is to be used."""
        if self.database_url is not None:
            _, separator, rest = self.database_url.get_secret_value().partition("://")
            return f"postgresql{separator}{rest}"
        if self.postgres_host is None:
            return None
        secret = self.postgres_password.get_secret_value() if self.postgres_password else ""
        password = f":{quote(secret, safe='')}" if secret else ""
        user, database = quote(self.postgres_user, safe=""), quote(self.postgres_db, safe="")
        # An IPv6 address stands in brackets; a socket's directory is quoted.
        host = f"[{self.postgres_host}]" if ":" in self.postgres_host else quote(self.postgres_host, safe="")
        return f"postgresql://{user}{password}@{host}:{self.postgres_port}/{database}"

    @property
    def is_provider_configured(self) -> bool:
        """Whether there is a provider key; without one submits answer 503 and uploads 400."""
        return self.wavespeed_api_key is not None

    @property
    def is_provider_local(self) -> bool:
        """Whether the provider runs on this machine, as the simulator does; its uploads are on loopback http then."""
        return _is_loopback(urlsplit(self.wavespeed_api_base_url).hostname or "")

    @property
    def webhook_base_url(self) -> str | None:
        """Where the provider's webhooks go, before the attempt's token; None when they are neither asked for nor accepted."""
        if self.wavespeed_webhook_secret is None or self.public_base_url is None:
            return None
        return f"{self.public_base_url}/api/v1/webhooks/wavespeed"

    @property
    def docs_url(self) -> str:
        """Where the error codes are explained: the `type` of a problem is this plus `#code`."""
        return f"{self.public_base_url or ''}/docs"


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` win over the environment.

    Raises SettingsError with one line per wrong variable, by its name in the environment.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # each is validated by the field it names
    except ValidationError as error:
        lines = []
        for detail in error.errors():
            name = str(detail["loc"][0]).upper() if detail["loc"] else ""
            message = detail["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message}" if name else message)
        raise SettingsError("\n".join(lines)) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
