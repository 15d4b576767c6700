"""Migrations: up, down, up again; what they make is what the models say; several at once are one."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from alembic import command
from app.core.model_options import MODEL_OPTIONS
from app.db import migrations
from app.db.session import open_engine
from app.domain.tables import metadata
from tests.cli.rassom import Ended, Rassom

CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n'
    AND conrelid::regclass::text NOT LIKE 'pgqueuer%' AND conrelid::regclass::text <> 'alembic_version'
"""
INDEXES = """
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename NOT LIKE 'pgqueuer%' AND tablename <> 'alembic_version'
"""
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, is_identity, coalesce(column_default, '')
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE 'pgqueuer%' AND table_name <> 'alembic_version'
"""
LEFT_BEHIND = """
    SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic_version%'
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typname NOT LIKE '%alembic_version'
"""


async def fetch(dsn: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


async def upgrade(dsn: str, revision: str = "head") -> None:
    await asyncio.to_thread(migrations.migrate, dsn, revision)


async def downgrade(dsn: str, revision: str = "base") -> None:
    await asyncio.to_thread(command.downgrade, migrations.alembic_config(dsn), revision)


async def shape(dsn: str) -> set[tuple[Any, ...]]:
    """Every column, constraint and index of the tables that are ours."""
    return {tuple(row) for statement in (CONSTRAINTS, INDEXES, COLUMNS) for row in await fetch(dsn, statement)}


class TestUpgrade:
    async def test_makes_everything_in_an_empty_database(self, empty_database_url: str, database_url: str) -> None:
        await upgrade(empty_database_url)

        assert await fetch(empty_database_url, "SELECT version_num FROM alembic_version") == [(migrations.head_revision(),)]
        assert await shape(empty_database_url) == await shape(database_url)

    async def test_again_changes_nothing(self, database_url: str) -> None:
        before = await shape(database_url)
        await upgrade(database_url)

        assert await shape(database_url) == before

    async def test_after_a_downgrade_makes_the_same_again(self, database_url: str) -> None:
        before = await shape(database_url)
        await downgrade(database_url)
        await upgrade(database_url)

        assert await shape(database_url) == before
        assert [row["key"] for row in await fetch(database_url, "SELECT key FROM model_catalog ORDER BY id")] == list(MODEL_OPTIONS)

    async def test_passes_through_every_revision(self, empty_database_url: str) -> None:
        directory = migrations.ScriptDirectory.from_config(migrations.alembic_config(empty_database_url))
        revisions = [script.revision for script in reversed(list(directory.walk_revisions()))]
        for revision in revisions:
            await upgrade(empty_database_url, revision)
        for revision in reversed(revisions[:-1]):
            await downgrade(empty_database_url, revision)

        assert len(revisions) >= 4
        assert await fetch(empty_database_url, "SELECT version_num FROM alembic_version") == [(revisions[0],)]


class TestDowngrade:
    async def test_to_the_base_leaves_nothing_behind(self, database_url: str) -> None:
        await downgrade(database_url)

        assert [row[0] for row in await fetch(database_url, LEFT_BEHIND)] == []


class TestModels:
    async def test_say_what_the_migrations_make(self, database_url: str) -> None:
        def is_ours(name: str | None, kind: str, _: object) -> bool:
            return kind != "table" or not (name or "").startswith("pgqueuer")

        def differences(connection: Connection) -> list[Any]:
            context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_ours})
            return list(compare_metadata(context, metadata))

        engine = open_engine(database_url, pool_size=1, program="tests")
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        await engine.dispose()

    async def test_alone_make_the_same_columns_constraints_and_indexes(self, empty_database_url: str, database_url: str) -> None:
        engine = open_engine(empty_database_url, pool_size=1, program="tests")
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()

        assert await shape(empty_database_url) == await shape(database_url)


class TestSeveralAtOnce:
    async def test_migrate_once(self, empty_database_url: str, database_url: str, tmp_path: Path) -> None:
        rassom = Rassom(tmp_path, {"DATABASE_URL": empty_database_url, "LOG_LEVEL": "warning", "RASSOM_HOME": str(tmp_path)})

        ended = await asyncio.gather(*(rassom("migrate") for _ in range(3)))

        assert ended == [Ended(0, "", "")] * 3
        assert await shape(empty_database_url) == await shape(database_url)
        assert await fetch(empty_database_url, "SELECT count(*) FROM model_prices") == [(3,)]


class TestSeed:
    async def test_is_the_three_models_of_the_specification(self, database_url: str) -> None:
        rows = await fetch(
            database_url,
            "SELECT id, key, provider, supports_text_to_image, supports_image_to_image, is_active FROM model_catalog ORDER BY id",
        )

        assert rows == [
            (1, "seedream-v4", "wavespeed", True, True, True),
            (2, "nano-banana", "wavespeed", True, True, True),
            (3, "nano-banana-pro", "wavespeed", True, True, True),
        ]

    async def test_sells_each_for_one_credit(self, database_url: str) -> None:
        rows = await fetch(database_url, "SELECT model_id, currency, unit_price, is_active FROM model_prices ORDER BY model_id")

        assert rows == [(1, "credit", 1, True), (2, "credit", 1, True), (3, "credit", 1, True)]

    async def test_has_an_entry_in_the_options_for_each(self, database_url: str) -> None:
        assert {row["key"] for row in await fetch(database_url, "SELECT key FROM model_catalog")} == set(MODEL_OPTIONS)


class TestIsAtHead:
    async def test_is_told_of_a_migrated_database_only(self, database_url: str, empty_database_url: str) -> None:
        nowhere = f"{database_url.partition('?')[0]}_nowhere"

        known = [await asyncio.to_thread(migrations.is_at_head, dsn) for dsn in (database_url, empty_database_url, nowhere)]
        await downgrade(database_url, "-1")

        assert [*known, await asyncio.to_thread(migrations.is_at_head, database_url)] == [True, False, False, False]
