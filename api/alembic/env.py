"""How Alembic reaches the database: one connection, one advisory lock, one transaction per migration, short lock timeouts."""

import asyncio

from sqlalchemy import Connection, text

from alembic import context
from app.core.config import load_settings
from app.db.session import open_engine
from app.domain.tables import metadata

# Several programs that start together migrate once: the others wait here and find nothing left to do.
MIGRATION_LOCK = 7_220_031_000
LOCK_TIMEOUT_MS = 4_000


def include_name(name: str | None, kind: str, _: object) -> bool:
    """The queue's tables belong to its library; they are not in our metadata and not ours to drop."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


def run(connection: Connection) -> None:
    """Migrate on this connection."""
    connection.execute(text("SET statement_timeout = 0"))
    # Another program's migration is waited for, however long it takes; a table of the live system is not.
    connection.execute(text("SET lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_name=include_name,
            transaction_per_migration=True,
            compare_server_default=False,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


async def main() -> None:
    """Open the database that the settings name and migrate it."""
    dsn = context.config.attributes.get("dsn") or load_settings().database_dsn
    if dsn is None:
        msg = "DATABASE_URL is not set; `make migration` and `rassom up` bring a database of their own"
        raise SystemExit(msg)
    engine = open_engine(dsn, pool_size=1, program="migrate")
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


asyncio.run(main())
