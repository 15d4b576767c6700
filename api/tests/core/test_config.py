"""Settings: defaults of the contract, and a wrong value stops the start with its variable's name."""

from pathlib import Path

import asyncpg.connect_utils as asyncpg_urls
import pytest

from app.core.config import SettingsError, load_settings

WRONG = [
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "http"),
    ("ENVIRONMENT", "Production"),
    ("LOG_LEVEL", "verbose"),
    ("DATABASE_URL", "mysql://db/rassom"),
    ("DATABASE_URL", "db.example/rassom"),
    ("HOST", "two..dots"),
    ("HOST", "x" * 64),
    ("DATABASE_URL", "nonsense"),
    ("REDIS_URL", "http://cache.example"),
    ("REDIS_URL", "nonsense"),
    ("POSTGRES_PORT", "0"),
    ("DATABASE_POOL_SIZE", "0"),
    ("RUN_MIGRATIONS", "perhaps"),
    ("CORS_ORIGINS", '["https://a.example"'),
    ("CORS_ORIGINS", "[1]"),
    ("AUTH_DISABLED", "maybe"),
    ("BOOTSTRAP_API_KEY", "secret"),
    ("BOOTSTRAP_API_KEY", "rsk_" + "k" * 42),
    ("BOOTSTRAP_API_KEY", "rsk_" + "k" * 42 + "!"),
    ("WAVESPEED_API_BASE_URL", "api.wavespeed.ai"),
    ("WAVESPEED_API_BASE_URL", "ftp://api.wavespeed.ai"),
    ("WAVESPEED_API_BASE_URL", "https://"),
    ("WAVESPEED_SYNC_MODE", "2"),
    ("WAVESPEED_TIMEOUT_SECONDS", "0"),
    ("WAVESPEED_TIMEOUT_SECONDS", "-1"),
    ("WAVESPEED_MAX_CONCURRENCY", "0"),
    ("WAVESPEED_MAX_CONCURRENCY", "1.5"),
    ("WAVESPEED_BREAKER_FAILURES", "-1"),
    ("WAVESPEED_BALANCE_MIN_USD", "-0.01"),
    ("WAVESPEED_BALANCE_MIN_USD", "nan"),
    ("PUBLIC_BASE_URL", "shop.example"),
    ("GENERATION_QUEUE_MAX", "-1"),
    ("GENERATION_DEADLINE_SECONDS", "0"),
    ("TRIAL_GENERATIONS", "-1"),
]


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env of the checkout decides here."""
    monkeypatch.chdir(tmp_path)


class TestDefaults:
    def test_are_those_of_the_contract(self) -> None:
        settings = load_settings()

        assert (settings.host, settings.port, settings.environment, settings.app_name) == ("127.0.0.1", 8000, "local", "Rassom")
        assert (settings.run_migrations, settings.auth_disabled, settings.cors_origins) == (True, False, [])
        assert (settings.wavespeed_api_base_url, settings.wavespeed_sync_mode) == ("https://api.wavespeed.ai/api/v3", True)
        assert (settings.wavespeed_timeout_seconds, settings.wavespeed_max_concurrency) == (180, 100)
        assert (settings.generation_deadline_seconds, settings.trial_generations) == (900, 1)
        assert (settings.database_dsn, settings.redis_url, settings.is_provider_configured) == (None, None, False)

    def test_stand_where_a_variable_is_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("PORT", "DATABASE_URL", "REDIS_URL", "WAVESPEED_API_KEY", "CORS_ORIGINS", "BOOTSTRAP_API_KEY"):
            monkeypatch.setenv(name, "")

        settings = load_settings()

        assert (settings.port, settings.database_dsn, settings.redis_url, settings.cors_origins) == (8000, None, None, [])
        assert not settings.is_provider_configured


class TestAWrongValue:
    @pytest.mark.parametrize(("name", "value"), WRONG)
    def test_names_its_variable(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        monkeypatch.setenv(name, value)

        with pytest.raises(SettingsError) as refused:
            load_settings()

        assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [name]

    def test_names_every_variable_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("PORT", "TRIAL_GENERATIONS", "LOG_LEVEL"):
            monkeypatch.setenv(name, "x")

        with pytest.raises(SettingsError) as refused:
            load_settings()

        assert {line.split(":")[0] for line in str(refused.value).splitlines()} == {"PORT", "TRIAL_GENERATIONS", "LOG_LEVEL"}

    def test_is_not_repeated_when_it_is_a_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BOOTSTRAP_API_KEY", "rsk_nearly-a-key")
        monkeypatch.setenv("DATABASE_URL", "mysql://user:hunter2@db/rassom")

        with pytest.raises(SettingsError) as refused:
            load_settings()

        assert "nearly-a-key" not in str(refused.value)
        assert "hunter2" not in str(refused.value)


class TestDotEnv:
    def test_is_read_and_the_environment_wins(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("PORT=9001\nAPP_NAME=Chizma\nSOMETHING_ELSE=1\n")
        monkeypatch.setenv("PORT", "9002")

        settings = load_settings()

        assert (settings.port, settings.app_name) == (9002, "Chizma")

    def test_loses_to_what_the_command_line_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "9002")

        assert load_settings(port=9003).port == 9003


class TestAuthDisabled:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
    def test_is_accepted_on_loopback(self, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
        monkeypatch.setenv("AUTH_DISABLED", "true")
        monkeypatch.setenv("HOST", host)

        assert load_settings().auth_disabled

    @pytest.mark.parametrize(
        ("environment", "host"),
        [
            ("production", "127.0.0.1"),
            ("staging", "127.0.0.1"),
            ("local", "0.0.0.0"),
            ("local", "::"),
            ("local", "192.168.1.5"),
            ("local", "127.0.0.1.example"),
            ("production", "0.0.0.0"),
        ],
    )
    def test_stops_the_start_anywhere_else(self, monkeypatch: pytest.MonkeyPatch, environment: str, host: str) -> None:
        for name, value in (("AUTH_DISABLED", "true"), ("ENVIRONMENT", environment), ("HOST", host)):
            monkeypatch.setenv(name, value)

        with pytest.raises(SettingsError, match="AUTH_DISABLED"):
            load_settings()


class TestCorsOrigins:
    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("https://a.example", ["https://a.example"]),
            ("https://a.example,https://b.example", ["https://a.example", "https://b.example"]),
            (" https://a.example , , https://b.example, ", ["https://a.example", "https://b.example"]),
            ('["https://a.example", "https://b.example"]', ["https://a.example", "https://b.example"]),
            (' ["https://a.example"]', ["https://a.example"]),
            ("[]", []),
            ("*", ["*"]),
        ],
    )
    def test_are_a_comma_list_or_a_json_list(self, monkeypatch: pytest.MonkeyPatch, written: str, read: list[str]) -> None:
        monkeypatch.setenv("CORS_ORIGINS", written)

        assert load_settings().cors_origins == read


class TestDatabaseDsn:
    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg"])
    def test_takes_every_spelling_of_postgresql(self, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
        monkeypatch.setenv("DATABASE_URL", f"{scheme}://u:p@db.example:5433/rassom?sslmode=require")

        assert load_settings().database_dsn == "postgresql://u:p@db.example:5433/rassom?sslmode=require"

    def test_is_put_together_from_its_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parts = {"HOST": "db.example", "PORT": "5433", "USER": "o'neil@shop", "PASSWORD": "p@ss:/w?rd#%", "DB": "sho p"}
        for name, value in parts.items():
            monkeypatch.setenv(f"POSTGRES_{name}", value)

        assert read_by_the_driver(load_settings().database_dsn) == (["db.example"], [5433], "o'neil@shop", "p@ss:/w?rd#%", "sho p")

    @pytest.mark.parametrize("host", ["::1", "/var/run/postgresql", "127.0.0.1"])
    def test_takes_every_kind_of_host(self, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
        monkeypatch.setenv("POSTGRES_HOST", host)

        assert read_by_the_driver(load_settings().database_dsn) == ([host], [5432], "rassom", None, "rassom")

    def test_prefers_the_url(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POSTGRES_HOST", "parts.example")
        monkeypatch.setenv("DATABASE_URL", "postgresql://url.example/rassom")

        assert load_settings().database_dsn == "postgresql://url.example/rassom"


class TestSecrets:
    def test_are_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@db/rassom")
        monkeypatch.setenv("REDIS_URL", "redis://:hunter2@cache")
        monkeypatch.setenv("WAVESPEED_API_KEY", "wsk_hunter2")
        monkeypatch.setenv("BOOTSTRAP_API_KEY", "rsk_hunter2" + "k" * 43)

        settings = load_settings()

        assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


class TestProviderLocal:
    @pytest.mark.parametrize(
        ("url", "is_local"),
        [
            ("http://127.0.0.1:9000/api/v3", True),
            ("http://localhost:9000", True),
            ("http://[::1]:9000", True),
            ("https://api.wavespeed.ai/api/v3", False),
            ("http://10.0.0.1", False),
            ("https://localhost.example", False),
        ],
    )
    def test_is_a_provider_on_loopback(self, monkeypatch: pytest.MonkeyPatch, url: str, is_local: bool) -> None:
        monkeypatch.setenv("WAVESPEED_API_BASE_URL", url)

        assert load_settings().is_provider_local is is_local


def read_by_the_driver(dsn: str | None) -> tuple[list[str], list[int], str, str | None, str]:
    """Host, port, user, password and database as the driver that connects understands them."""
    none = dict.fromkeys(
        ("host", "port", "user", "password", "passfile", "database", "ssl", "direct_tls", "server_settings", "target_session_attrs")
    )
    addresses, parameters, *_ = asyncpg_urls._parse_connect_dsn_and_args(
        dsn=dsn, **none, krbsrvname=None, gsslib=None, service=None, servicefile=None
    )
    hosts = [str(address[0]) if isinstance(address, tuple) else str(address).rsplit("/.s.", 1)[0] for address in addresses]
    ports = [address[1] if isinstance(address, tuple) else int(str(address).rsplit(".", 1)[1]) for address in addresses]
    return hosts, ports, parameters.user, parameters.password, parameters.database
