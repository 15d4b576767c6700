"""What one process opens once and everything shares: database, Redis, provider, Telegram. Frozen; built by `open_resources`."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.config import Settings, SettingsError
from app.core.errors import ServiceUnavailableError
from app.core.memory import Memory
from app.core.single_flight import SingleFlight
from app.db.redis import RedisGate
from app.db.session import open_engine, plain_reads, unit_of_work
from app.provider.client import ProviderClient
from app.telegram.client import TelegramClient

# Deadlock, serialization, lock and statement timeout, shutdown, no space, no memory, too many connections.
_BUSY_SQLSTATES = frozenset({"40P01", "40001", "55P03", "57014", "57P01", "57P02", "57P03", "53100", "53200", "53300"})
# Lost connections, of which the engine does not know when they were lost while they were made.
_LOST_SQLSTATES = frozenset({"08000", "08001", "08003", "08006"})

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,  # the driver on a connection that is closed
    asyncpg.InternalClientError,  # the driver on a connection that was lost in the middle of a statement
)


@dataclass(frozen=True)
class Resources:
    """The process's connections, and what it has just read. `provider` is None without a provider key, `telegram`
    without a bot's token.
    """

    settings: Settings
    engine: AsyncEngine
    redis: RedisGate | None
    provider: ProviderClient | None
    telegram: TelegramClient | None
    memory: Memory = field(default_factory=Memory)
    flights: SingleFlight = field(default_factory=SingleFlight)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A unit of work: commits at the end of the block, rolls back when it raises. Whoever opens it ends it.

        Raises ServiceUnavailableError when the database is away, full or in the way of itself; nothing was changed then, unless the
        connection was lost during the commit: the caller's idempotency key or epoch decides in that one case.
        """
        with _busy_database_is_503():
            async with unit_of_work(self.engine) as session:
                yield session

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncSession]:
        """A session for one statement that is a whole unit of work: the database commits it by itself, in the one round trip.

        Raises as `transaction` does, and leaves as much open when the connection is lost before the answer.
        """
        async with self.reading() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for plain reads: every statement its own snapshot, no BEGIN and no COMMIT on the wire."""
        with _busy_database_is_503():
            async with plain_reads(self.engine) as session:
                yield session


@asynccontextmanager
async def open_resources(settings: Settings, *, program: str) -> AsyncIterator[Resources]:
    """Open what the settings name and close it in reverse order. Raises SettingsError when there is no database."""
    dsn = settings.database_dsn
    if dsn is None:
        msg = "DATABASE_URL: not set. Start everything with `make run`, or name a PostgreSQL 15 or newer."
        raise SettingsError(msg)
    async with AsyncExitStack() as stack:
        engine = open_engine(dsn, pool_size=settings.database_pool_size, program=program, isolation_level="AUTOCOMMIT")
        stack.push_async_callback(engine.dispose)
        redis = None
        if settings.redis_url is not None:
            redis = RedisGate(settings.redis_url.get_secret_value())
            stack.push_async_callback(redis.close)
        provider = None
        if settings.wavespeed_api_key is not None:
            client = ProviderClient(
                settings.wavespeed_api_base_url,
                settings.wavespeed_api_key.get_secret_value(),
                submit_timeout_s=settings.wavespeed_timeout_seconds,
                upload_flow=settings.wavespeed_upload_flow,
            )
            provider = await stack.enter_async_context(client)
        telegram = None
        if settings.bot_token is not None:
            bot = TelegramClient(settings.telegram_api_base_url, settings.bot_token.get_secret_value())
            telegram = await stack.enter_async_context(bot)
        yield Resources(
            settings=settings,
            engine=engine,
            redis=redis,
            provider=provider,
            telegram=telegram,
        )


@contextmanager
def _busy_database_is_503() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise ServiceUnavailableError from error
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _BUSY_SQLSTATES | _LOST_SQLSTATES:
            raise ServiceUnavailableError from error
        raise
    except _LOST as error:
        raise ServiceUnavailableError from error
    except asyncpg.PostgresError as error:
        # Of a statement that the queue runs on the driver's own connection.
        if error.sqlstate in _BUSY_SQLSTATES | _LOST_SQLSTATES:
            raise ServiceUnavailableError from error
        raise
    except OSError as error:
        # Raised by the driver while it opens a connection (no server, no socket): nothing else in a unit of work does I/O.
        raise ServiceUnavailableError from error
