"""compose.yaml starts what it says: settings that the programs read, a role that is no superuser, order by health."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest
import yaml

from app.core.config import Settings
from app.db import migrations
from app.embedded import postgres
from bot.settings import Settings as BotSettings
from tests import running
from tests.containers.image import ROOT, Image
from tests.factories import as_superuser

TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"api", "worker", "bot", "simulator"}
# Of compose.yaml itself, and of the bot; everything else is a setting.
OTHER_VARIABLES = {
    "RASSOM_IMAGE",
    "PUBLISH_ADDRESS",
    "WORKERS",
    "SIMULATOR_ASSET_PORT",
    *(name.upper() for name in BotSettings.model_fields),
}
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
PASSWORD = "p@ss:/w0rd#%41 'x'\\$y"


def filled(text: str, **values: str) -> str:
    """A value as Compose fills it in; a variable that must be set and is not is an error."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if values.get(name):
            return values[name]
        assert kind == "-", f"{name} must be set"
        return str(rest)

    return VARIABLE.sub(value, text).replace("$$", "$")


def environment(service: str, **values: str) -> dict[str, str]:
    return {name: filled(value, **values) for name, value in SERVICES[service]["environment"].items()}


class TestSettings:
    def test_are_all_known(self) -> None:
        known = {name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
        named = {name for name, _, _ in VARIABLE.findall(TEXT)}
        given = {name for service in OURS for name in SERVICES[service].get("environment", {})}
        assert (named | given) - known == set()

    def test_need_a_password_and_nothing_else(self) -> None:
        assert {name for name, kind, _ in VARIABLE.findall(TEXT) if kind == "?"} == {"POSTGRES_PASSWORD"}
        assert all(kind for _, kind, _ in VARIABLE.findall(TEXT))

    @pytest.mark.parametrize("service", ["api", "worker"])
    def test_lead_to_the_database_with_any_password(self, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
        # What .env says of `make run` must not lead away from the containers.
        of_make_run = {"DATABASE_URL": "postgresql://elsewhere/x", "HOST": "127.0.0.1", "PORT": "9000"}
        for name, value in (of_make_run | environment(service, POSTGRES_PASSWORD=PASSWORD)).items():
            monkeypatch.setenv(name, value)
        settings = Settings(_env_file=None)
        assert (settings.host, settings.port, settings.environment) == ("0.0.0.0", 8000, "production")
        address = urlsplit(settings.database_dsn or "")
        assert (address.hostname, address.port, address.username, address.path) == ("postgres", 5432, "rassom", "/rassom")
        assert unquote(address.password or "") == PASSWORD


class TestServices:
    def test_are_those_of_the_guide(self) -> None:
        profiles = {name: service.get("profiles", []) for name, service in SERVICES.items()}
        assert profiles == {"postgres": [], "redis": [], "api": [], "worker": [], "bot": ["bot"], "simulator": ["demo"]}

    def test_wait_for_what_they_need_to_be_healthy(self) -> None:
        needs = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
        assert needs["api"] == {"postgres", "redis"}
        assert needs["worker"] == {"postgres", "redis", "api"}
        waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).values()]
        assert {wait["condition"] for wait in waits} == {"service_healthy"}
        assert [name for name in set().union(*needs.values()) if "test" not in SERVICES[name]["healthcheck"]] == []

    @pytest.mark.parametrize("name", sorted(OURS))
    def test_of_ours_have_no_rights(self, name: str) -> None:
        service = SERVICES[name]
        assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
        assert "privileged" not in service
        assert "user" not in service

    def test_rotate_their_logs(self) -> None:
        assert [name for name, service in SERVICES.items() if "max-size" not in service["logging"]["options"]] == []

    def test_can_be_scaled_where_that_makes_sense(self) -> None:
        worker = SERVICES["worker"]
        assert [key for key in ("ports", "container_name") if key in worker] == []
        assert filled(worker["scale"]) == "1"

    def test_are_reached_from_this_machine_alone(self) -> None:
        published = [filled(port) for service in SERVICES.values() for port in service.get("ports", [])]
        assert sorted(published) == ["127.0.0.1:8000:8000", "127.0.0.1:8081:8081", "127.0.0.1:9001:9001"]

    async def test_probe_the_api(self, settings: Settings, image: Image) -> None:
        async with running.api(settings) as base_url:
            assert await _probe(image, "api", base_url.rpartition(":")[2]) == 0
        assert await _probe(image, "api", base_url.rpartition(":")[2]) != 0


class TestDatabase:
    def test_is_set_up_like_the_embedded_one(self) -> None:
        options = dict(word.removeprefix("-c").split("=", 1) for word in SERVICES["postgres"]["command"][1:])
        assert options == {name: postgres.SETTINGS[name] for name in options}

    def test_keeps_its_data_where_the_image_of_18_has_it(self) -> None:
        assert SERVICES["postgres"]["image"] == "postgres:18"
        assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]

    async def test_has_a_role_that_is_no_superuser(self, tmp_path: Path) -> None:
        with postgres.start(tmp_path, durable=False) as server:
            admin = await asyncpg.connect(as_superuser(server.dsn("postgres")))
            # As the image has it on an empty volume: the superuser alone.
            await admin.execute("DROP DATABASE rassom")
            await admin.execute("DROP ROLE rassom")
            _run_first_set_up(server)
            rights = await _rights_after_migration(server.dsn())
            roles = {role["rolname"]: role for role in await admin.fetch("SELECT * FROM pg_authid WHERE rolcanlogin")}
            await admin.close()
        assert rights == {"UPDATE": False, "DELETE": False, "TRUNCATE": False, "INSERT": True}
        assert not roles["rassom"]["rolsuper"]
        assert roles["rassom"]["rolpassword"].startswith("SCRAM-SHA-256$")
        assert roles["postgres"]["rolpassword"] is None


def _run_first_set_up(server: postgres.Postgres) -> None:
    programs = Path(postgres._program("psql")).parent
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "PGHOST": str(server.socket_dir), "PGPORT": str(postgres.PORT)}
    script = filled(COMPOSE["configs"]["role"]["content"])
    subprocess.run(["sh", "-euc", script], env=environment | {"POSTGRES_PASSWORD": PASSWORD}, check=True)


async def _rights_after_migration(dsn: str) -> dict[str, bool]:
    """What the role may do to the ledger when the database is migrated."""
    await asyncio.to_thread(migrations.migrate, dsn)
    connection = await asyncpg.connect(dsn)
    try:
        kinds = ("UPDATE", "DELETE", "TRUNCATE", "INSERT")
        return {kind: await connection.fetchval("SELECT has_table_privilege('ledger_entries', $1)", kind) for kind in kinds}
    finally:
        await connection.close()


async def _probe(image: Image, service: str, port: str) -> int:
    _, *command = SERVICES[service]["healthcheck"]["test"]
    command = [word.replace(":8000/", f":{port}/") for word in command]
    environment = image.environment(http_proxy="http://127.0.0.1:9")
    process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=image.app, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()
