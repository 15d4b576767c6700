"""What several verbs need: resources for one call, and a way to speak."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn, TypeVar

import typer

from app.core.config import Settings, SettingsError, load_settings
from app.core.logging import configure_logging
from app.embedded.home import with_running
from app.resources import Resources, open_resources

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_T = TypeVar("_T")


def with_resources(use: Callable[[Resources], Awaitable[_T]]) -> _T:
    """Open the resources that the settings (or a running `rassom up`) name, use them once, close them. Raises SettingsError."""

    async def run() -> _T:
        async with open_resources(settings, program="cli") as resources:
            return await use(resources)

    settings = with_running(load_settings())
    configure_logging(settings, program="cli")
    return asyncio.run(run())


def dsn_of(settings: Settings) -> str:
    """The database. Raises SettingsError when none is named."""
    if settings.database_dsn is None:
        message = "DATABASE_URL: not set. Start everything with `make run`, or name a PostgreSQL 15 or newer."
        raise SettingsError(message)
    return settings.database_dsn


def say(line: str) -> None:
    """A line on standard output."""
    typer.echo(line)


def complain(line: str) -> None:
    """A line on standard error."""
    typer.echo(line, err=True)


def fail(reason: str) -> NoReturn:
    """End with exit code 1 and the reason on standard error."""
    complain(reason)
    raise SystemExit(1)
