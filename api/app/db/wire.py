"""The driver itself, for the statements that every order and every look asks: they cost a tenth of their way through SQLAlchemy.

SQLAlchemy writes the statement, once; the driver prepares it once per connection and sends values. It runs on the session's own
connection, in its transaction (docs/decisions/0017). JSON goes in as text and comes out as a value. What the database refuses is
raised as SQLAlchemy's errors are, without the row that PostgreSQL quotes.
"""

from collections.abc import Mapping
from typing import Any, cast

import asyncpg
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import Session

_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
_NOTHING: Mapping[str, object] = {}


class Statement:
    """A statement in its final words, put together when its module is imported."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)
        self.words = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._values = {name: compiled.params[name] for name in self._names}

    def values(self, given: Mapping[str, object]) -> list[object]:
        """What is sent for `$1`, `$2` …: what was given by name, else what the statement itself says."""
        return [given[name] if name in given else self._values[name] for name in self._names]


async def fetch(session: AsyncSession, statement: Statement, given: Mapping[str, object] = _NOTHING) -> list[asyncpg.Record]:
    """Every row. Raises DBAPIError, IntegrityError."""
    driver = await cast("Session", session).driver()
    try:
        return await driver.fetch(statement.words, *statement.values(given))
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _like_sqlalchemy(error, statement, driver) from error


async def fetch_row(session: AsyncSession, statement: Statement, given: Mapping[str, object] = _NOTHING) -> asyncpg.Record | None:
    """The first row, None without one. Raises DBAPIError, IntegrityError."""
    driver = await cast("Session", session).driver()
    try:
        return await driver.fetchrow(statement.words, *statement.values(given))
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _like_sqlalchemy(error, statement, driver) from error


async def fetch_value(session: AsyncSession, statement: Statement, given: Mapping[str, object] = _NOTHING) -> Any:
    """The first column of the first row, None without one. Raises DBAPIError, IntegrityError."""
    row = await fetch_row(session, statement, given)
    return None if row is None else row[0]


def _like_sqlalchemy(
    error: asyncpg.PostgresError | asyncpg.InterfaceError, statement: Statement, driver: asyncpg.Connection
) -> DBAPIError:
    error.detail = None
    kind = IntegrityError if isinstance(error, asyncpg.IntegrityConstraintViolationError) else DBAPIError
    return kind(statement.words, None, error, hide_parameters=True, connection_invalidated=driver.is_closed())
