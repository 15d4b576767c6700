"""The engine and its two kinds of sessions: one transaction for a unit of work, autocommit for plain reads."""

from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

STATEMENT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000


def open_engine(dsn: str, *, pool_size: int, program: str) -> AsyncEngine:
    """An engine for `dsn` (postgresql://…) with at most `pool_size` connections; callers wait up to 5 s for one.

    The server-side limits are the ceiling for every statement of Rassom: a lost client or a stuck lock ends by itself.
    """

    async def connect() -> asyncpg.Connection:
        # asyncpg reads the URL itself, so libpq parameters such as sslmode and a socket directory mean what they always mean.
        return await asyncpg.connect(dsn, timeout=5, server_settings=server_settings(program))

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,  # a failing statement is logged, a customer's prompt is not
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


def make_sessions(engine: AsyncEngine, **options: Any) -> async_sessionmaker[AsyncSession]:
    """Sessions whose objects stay readable after the commit."""
    return async_sessionmaker(engine.execution_options(**options) if options else engine, expire_on_commit=False)
