"""The engine and its two kinds of sessions: one transaction for a unit of work, autocommit for plain reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import asyncpg
from sqlalchemy import Connection, event, orm
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.util import await_only, greenlet_spawn
from typing_extensions import override

from app.db.pool import FairPool

STATEMENT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000


def open_engine(dsn: str, *, pool_size: int, program: str, **options: Any) -> AsyncEngine:
    """An engine for `dsn` (postgresql://…) with at most `pool_size` connections; callers wait up to 5 s for one.

    The server-side limits are the ceiling for every statement of Rassom: a lost client or a stuck lock ends by itself.
    """

    async def connect() -> asyncpg.Connection:
        # asyncpg reads the URL itself, so libpq parameters such as sslmode and a socket directory mean what they always mean.
        return await asyncpg.connect(dsn, timeout=5, server_settings=server_settings(program))

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=FairPool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,  # a failing statement is logged, a customer's prompt is not
        **options,
    )
    event.listen(engine.sync_engine, "handle_error", _forget_row)
    return engine


def _forget_row(context: ExceptionContext) -> None:
    # What hide_parameters hides, PostgreSQL repeats: a violated check quotes the whole row as its DETAIL.
    cause = context.original_exception.__cause__
    if isinstance(cause, asyncpg.PostgresError):
        cause.detail = None


def server_settings(program: str) -> dict[str, str]:
    """Session settings for every connection: name, time limits, UTC."""
    return {
        "application_name": f"rassom {program}",
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
        "timezone": "UTC",
        "jit": "off",
    }


class _OnOneConnection(orm.Session):
    owner: "Session"

    @override
    def get_bind(self, *_: Any, **__: Any) -> Connection:
        return await_only(self.owner.open())


class Session(AsyncSession):
    """SQLAlchemy's session, and beside it the bare driver for what is asked most (app.db.wire): both on one connection.

    The connection is taken at the first statement. The engine is in AUTOCOMMIT, so SQLAlchemy says neither BEGIN nor COMMIT:
    `unit_of_work` does, and what is asked in either way is in that one transaction.
    """

    def __init__(self, engine: AsyncEngine, *, is_unit: bool) -> None:
        # Objects stay readable after the commit.
        super().__init__(sync_session_class=_OnOneConnection, expire_on_commit=False)
        cast("_OnOneConnection", self.sync_session).owner = self
        self._engine = engine
        self._is_unit = is_unit
        self._connection: Connection | None = None
        self._driver: asyncpg.Connection | None = None

    async def open(self) -> Connection:
        """The connection, taken from the pool and, for a unit of work, begun. Raises what a full pool or a lost database raises."""
        if self._connection is None:
            connection, driver = await self._take()
            while driver.is_closed():  # lost while nobody used it
                await greenlet_spawn(connection.invalidate)
                await greenlet_spawn(connection.close)
                connection, driver = await self._take()
            self._connection, self._driver = connection, driver
            if self._is_unit:
                await self.tell("BEGIN")
        return self._connection

    async def driver(self) -> asyncpg.Connection:
        """The driver's own connection, in the same transaction."""
        if self._driver is None:
            await self.open()
        return cast("asyncpg.Connection", self._driver)

    async def _take(self) -> tuple[Connection, asyncpg.Connection]:
        connection = await greenlet_spawn(self._engine.sync_engine.connect)
        return connection, cast("asyncpg.Connection", connection.connection.driver_connection)

    async def tell(self, word: str) -> None:
        """Begin or end the transaction, if anything was asked in it. For `unit_of_work`."""
        if self._driver is not None and await self._driver.execute(word) != word:
            raise RuntimeError("a statement of this transaction had failed before its end: nothing of it was committed")

    @override
    async def close(self) -> None:
        """Give the connection back; one that is lost, or was left in the middle of something, is not used again."""
        try:
            if self.sync_session.in_transaction():
                await super().close()
        finally:
            if self._connection is not None:
                if self._driver is None or self._driver.is_closed() or self._driver.is_in_transaction():
                    await greenlet_spawn(self._connection.invalidate)
                self._connection.close()  # waits for nothing: no transaction is SQLAlchemy's


@asynccontextmanager
async def unit_of_work(engine: AsyncEngine) -> AsyncIterator[Session]:
    """One transaction: commits at the end of the block, rolls back when it raises."""
    session = Session(engine, is_unit=True)
    try:
        yield session
        await session.tell("COMMIT")
    except BaseException:
        # A lost connection has lost its transaction already.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await session.tell("ROLLBACK")
        raise
    finally:
        await session.close()


@asynccontextmanager
async def plain_reads(engine: AsyncEngine) -> AsyncIterator[Session]:
    """Every statement its own snapshot, no BEGIN and no COMMIT on the wire."""
    session = Session(engine, is_unit=False)
    try:
        yield session
    finally:
        await session.close()
