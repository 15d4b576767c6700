"""The backups of docs/production.md, with its own commands: what is restored has the same books, the same guards, and goes on."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from app.db import migrations
from app.embedded import postgres
from tests import running
from tests.containers.image import ROOT
from tests.factories import Shop, a_database, as_superuser, changed, open_shop

GUIDE = (ROOT / "docs/production.md").read_text()
PROGRAMS = Path(postgres._program("psql")).parent
# Everything of the catalogue that keeps the books: what refuses, what announces, who may do what, and where counting goes on.
GUARDS = {
    "triggers": """
        SELECT tgrelid::regclass::text || ' ' || pg_get_triggerdef(oid) || ' ' || tgenabled::text
        FROM pg_trigger WHERE NOT tgisinternal
    """,
    "constraints": """
        SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "rights": """
        SELECT relname || ' ' || pg_get_userbyid(relowner) || ' ' || coalesce(relacl::text, '')
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT attrelid::regclass || '.' || attname || ' ' || attidentity::text || ' ' || coalesce(attacl::text, '')
        FROM pg_attribute
        WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r') AND attnum > 0
    """,
    "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "sequences": "SELECT sequencename || ' ' || coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'public'",
}
LEDGER = "SELECT * FROM ledger_entries ORDER BY id"


def commands_of(heading: str) -> str:
    """The shell commands under this heading of the guide."""
    section = re.split(rf"^#+ {heading}$", GUIDE, flags=re.MULTILINE)[1]
    (fence,) = re.findall(r"^```sh\n(.*?)^```$", re.split(r"^#+ ", section, flags=re.MULTILINE)[0], re.MULTILINE | re.DOTALL)
    return str(fence)


def where(dsn: str) -> dict[str, str]:
    """A database as libpq's programs find it in their environment."""
    address = urlsplit(dsn)
    query = parse_qs(address.query)
    return {
        "PGHOST": query["host"][0],
        "PGPORT": query["port"][0],
        "PGUSER": str(address.username),
        "PGDATABASE": address.path.strip("/"),
    }


async def run(script: str, folder: Path, **env: str) -> None:
    """Run commands of the guide, with the embedded PostgreSQL's programs on PATH."""
    environment = {"PATH": f"{PROGRAMS}{os.pathsep}/usr/bin{os.pathsep}/bin", **env}
    command = ["sh", "-euc", script]
    await asyncio.to_thread(subprocess.run, command, cwd=folder, env=environment, check=True, timeout=60)


async def read(dsn: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def trade(shop: Shop) -> tuple[int, dict[str, Any]]:
    """A paid picture, a failed one, and one that still waits when the backup is made; who waits, and for which order."""
    somebody = await shop.rich_user(5)
    async with running.worker(shop.settings):
        assert (await shop.follow(await shop.order(somebody), somebody))["status"] == "completed"
        failed = await shop.order(somebody, prompt="bad [sim:fail=1200]")
        assert (await shop.follow(failed, somebody))["status"] == "failed"
    waiting = await shop.rich_user(5)
    return waiting, await shop.order(waiting)


@pytest.fixture
async def restored(
    shop: Shop, postgres_server: postgres.Postgres, tmp_path: Path
) -> AsyncIterator[tuple[Shop, str, int, dict[str, Any]]]:
    """A shop that has traded, the address of its restored copy, and somebody with an order that waits in both."""
    waiting, order = await trade(shop)
    dsn = str(shop.settings.database_dsn)
    await run(commands_of("Every night: a dump"), tmp_path, **where(dsn))
    async with a_database(postgres_server.dsn("postgres"), "template0") as copy:
        await run(commands_of("Restore a dump"), tmp_path, **where(copy))
        yield shop, copy, waiting, order


class TestDump:
    async def test_restores_books_and_guards_and_goes_on(self, restored: tuple[Shop, str, int, dict[str, Any]]) -> None:
        shop, copy, waiting, order = restored
        dsn = str(shop.settings.database_dsn)
        assert await read(copy, LEDGER) == await read(dsn, LEDGER) != []
        for what, query in GUARDS.items():
            assert sorted(await read(copy, query)) == sorted(await read(dsn, query)) != [], what
        for forbidden in ("UPDATE ledger_entries SET amount = 1", "DELETE FROM ledger_transfers"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await read(copy, forbidden)
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await read(as_superuser(copy), forbidden)

        settings = changed(shop.settings, database_url=copy)
        async with open_shop(settings, shop.simulator) as again:
            await again.check_books()
            async with running.worker(settings):
                # What waited when the dump was made may have been sent since: it is not sent again. New orders are taken.
                assert (await again.http.get(f"/generations/{order['id']}?telegram_id={waiting}")).json()["status"] == "running"
                await again.eyes.execute("UPDATE generation_requests SET deadline_at = now() WHERE id = $1", order["id"])
                assert (await again.follow(order, waiting))["error_code"] == "deadline_exceeded"
                assert (await again.follow(await again.order(waiting), waiting))["status"] == "completed"
            assert await again.balance(waiting) == (4, 0)
            await again.check_books()

    async def test_sends_nothing_again_that_was_sent_since(
        self, shop: Shop, postgres_server: postgres.Postgres, tmp_path: Path
    ) -> None:
        people = {prompt: await shop.rich_user(2) for prompt in ("sent", "twin", "other twin", "taken back")}
        prompts = {name: "the same" if "twin" in name else name for name in people}
        orders = {name: await shop.order(people[name], prompt=prompts[name]) for name in people}
        await run(commands_of("Every night: a dump"), tmp_path, **where(str(shop.settings.database_dsn)))
        for name in ("other twin", "taken back"):
            cancelled = await shop.http.post(f"/generations/{orders[name]['id']}/cancel", json={"telegram_id": people[name]})
            assert cancelled.status_code == 200, cancelled.text
        async with running.worker(shop.settings):
            for name in ("sent", "twin"):
                assert (await shop.follow(orders[name], people[name]))["status"] == "completed"
        sent = await shop.submits_seen()

        async with a_database(postgres_server.dsn("postgres"), "template0") as copy:
            await run(commands_of("Restore a dump"), tmp_path, **where(copy))
            settings = changed(shop.settings, database_url=copy)
            async with Shop.open(shop.base_url, settings, shop.simulator) as again, running.worker(settings):
                async with asyncio.timeout(20):
                    while await again.eyes.fetchval("SELECT count(*) FROM generation_requests WHERE status = 'completed'") < 2:
                        await asyncio.sleep(0.1)
                await again.eyes.execute("UPDATE generation_requests SET deadline_at = now() WHERE status = 'running'")
                async with asyncio.timeout(20):
                    while await again.eyes.fetchval("SELECT count(*) FROM generation_requests WHERE status = 'running'"):
                        await asyncio.sleep(0.1)
                ends = await again.eyes.fetch("SELECT prompt, coalesce(error_code, status) FROM generation_requests ORDER BY id")
                await again.check_books()

        assert [tuple(row) for row in ends] == [
            ("sent", "completed"),
            ("the same", "completed"),
            ("the same", "deadline_exceeded"),
            ("taken back", "deadline_exceeded"),
        ]
        assert await shop.submits_seen() == sent
        assert len(sent) == 2


class TestBaseBackup:
    async def test_restores_the_whole_server_to_a_moment(self, shop: Shop, tmp_path: Path) -> None:
        archive, home = tmp_path / "wal", tmp_path / "home"
        archive.mkdir()
        with postgres.start(home, durable=False) as server:
            await asyncio.to_thread(migrations.migrate, server.dsn())
            await _archive_to(archive, server)
        with postgres.start(home, durable=False) as server:
            settings = changed(shop.settings, database_url=server.dsn())
            async with open_shop(settings, shop.simulator) as here:
                await trade(here)
                await run(commands_of("A base backup and the log"), tmp_path, **where(as_superuser(server.dsn("postgres"))))
                after_backup = await here.rich_user(7)
                kept = await read(server.dsn(), LEDGER)
                moment = (await read(server.dsn(), "SELECT clock_timestamp()::text"))[0][0]
                await here.grant(after_backup, 1000)
            await read(as_superuser(server.dsn("postgres")), "SELECT pg_switch_wal()")

        await run(commands_of("Restore to a moment"), tmp_path, WAL_ARCHIVE=str(archive), MOMENT=moment)
        (tmp_path / "restored").mkdir()
        (tmp_path / "base").rename(tmp_path / "restored/postgres")
        with postgres.start(tmp_path / "restored", durable=False) as server:
            assert await read(server.dsn(), LEDGER) == kept
            settings = changed(shop.settings, database_url=server.dsn())
            async with open_shop(settings, shop.simulator) as here:
                assert await here.balance(after_backup) == (7, 0)
                # Another timeline of the same cluster: what waits in it may have been sent after the moment.
                assert await here.eyes.fetchval("SELECT state FROM generation_jobs ORDER BY id DESC LIMIT 1") == "unknown"
                await here.check_books()


async def _archive_to(folder: Path, server: postgres.Postgres) -> None:
    """Set what the guide sets in postgresql.conf; it holds from the next start."""
    os.chmod(folder, 0o777)  # noqa: S103, PTH101 - the server may run as another user than this test
    section = re.split(r"^### A base backup and the log$", GUIDE, flags=re.MULTILINE)[1]
    (lines,) = re.findall(r"^```ini\n(.*?)^```$", section.split("###")[0], re.MULTILINE | re.DOTALL)
    admin = await asyncpg.connect(as_superuser(server.dsn("postgres")))
    try:
        for line in lines.splitlines():
            name, _, value = line.replace("/backup/wal", str(folder)).partition(" = ")
            quoted = value.strip("'").replace("'", "''")
            await admin.execute(f"ALTER SYSTEM SET {name} = '{quoted}'")
    finally:
        await admin.close()
