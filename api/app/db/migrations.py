"""Alembic from the program: to head, and what head is."""

import asyncio
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from alembic import command
from app.db.session import server_settings

API_DIR = Path(__file__).resolve().parents[2]
CONNECT_TIMEOUT_S = 5
_REVISION = text("SELECT version_num FROM alembic_version")


def alembic_config(dsn: str) -> Config:
    """Alembic's configuration for this database."""
    config = Config(API_DIR / "alembic.ini", attributes={"dsn": dsn})
    config.set_main_option("script_location", str(API_DIR / "alembic"))
    return config


def migrate(dsn: str, revision: str = "head") -> None:
    """Bring the database to `revision`. Several at once are one: they queue at an advisory lock (alembic/env.py)."""
    command.upgrade(alembic_config(dsn), revision)


def is_at_head(dsn: str) -> bool:
    """Whether this database surely needs no migration: cheaper than a program that finds nothing to do. False when in doubt."""
    try:
        return asyncio.run(_read_revision(dsn)) == head_revision()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return False


def write(dsn: str, message: str) -> str:
    """Write a migration from the difference between the models and this database, which is at head; returns its path."""
    script = command.revision(alembic_config(dsn), message=message, autogenerate=True)
    if not isinstance(script, Script):
        msg = "alembic wrote no migration"
        raise RuntimeError(msg)
    return script.path


def head_revision() -> str | None:
    """The newest migration that this program brings."""
    return ScriptDirectory(str(API_DIR / "alembic")).get_current_head()


def is_known(revision: str | None) -> bool:
    """Whether this program brings that migration; one it does not know was made by a newer program."""
    return any(script.revision == revision for script in ScriptDirectory(str(API_DIR / "alembic")).walk_revisions())


async def read_revision(session: AsyncSession) -> str | None:
    """The migration that the database is at; None when it was never migrated."""
    try:
        revision: str | None = await session.scalar(_REVISION)
    except ProgrammingError:
        return None
    return revision


async def _read_revision(dsn: str) -> str | None:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, server_settings=server_settings("start"))
    try:
        revision: str | None = await connection.fetchval(str(_REVISION))
    finally:
        await connection.close()
    return revision
