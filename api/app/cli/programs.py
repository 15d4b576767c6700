"""The verbs that are programs: api, worker, bot, migrate, up, demo, simulator, telegram-simulator, openapi."""

import asyncio
import json
import os
import sys
from typing import Annotated

import typer
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from uvicorn.loops.auto import auto_loop_factory

from app import demo as demo_run
from app import server
from app import worker as worker_program
from app.cli.shared import dsn_of, say
from app.core.config import load_settings
from app.core.logging import configure_logging
from app.db import migrations
from app.embedded import up as everything
from app.embedded.home import find_running, owner_key, with_running
from app.main import create_app

app = typer.Typer()


@app.command()
def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT).")] = None,
) -> None:
    """Serve the API; migrates the database first unless RUN_MIGRATIONS=false."""
    overrides = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    settings = load_settings(**overrides)
    if settings.run_migrations:
        migrations.migrate(dsn_of(settings))
    server.serve(settings)


@app.command()
def worker() -> None:
    """Run generation jobs until SIGTERM or Ctrl-C."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(worker_program.run(load_settings()))


@app.command()
def migrate(revision: Annotated[str, typer.Option(help="Where to: head, a revision.")] = "head") -> None:
    """Bring the database to the newest migration."""
    settings = with_running(load_settings())
    configure_logging(settings, program="migrate")
    migrations.migrate(dsn_of(settings), revision)


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Make one picture, say where it is, stop everything.")] = False,
    migration: Annotated[str, typer.Option(help="Write a migration of this name from the models, and stop.")] = "",
) -> None:
    """Start everything: database, Redis, simulator (without a provider key), API and worker. Ctrl-C stops it all."""
    raise typer.Exit(everything.run(load_settings(), demo=demo, migration=migration))


@app.command()
def demo(
    telegram_id: Annotated[int | None, typer.Option(min=1, help="Who orders the picture; somebody new by default.")] = None,
    api_base_url: Annotated[str, typer.Option(envvar="API_BASE_URL", help="The API; the one of `make run` by default.")] = "",
    api_key: Annotated[str, typer.Option(envvar="API_KEY", help="A key with scope bot; the one of `make run` by default.")] = "",
) -> None:
    """Make one picture through the running API and say where it was saved."""
    settings = load_settings()
    running = find_running(settings.rassom_home)
    base_url = api_base_url or (running.api_url if running else f"http://{settings.host}:{settings.port}")
    run = demo_run.run(base_url, api_key or owner_key(settings), telegram_id=telegram_id or demo_run.new_telegram_id())
    raise typer.Exit(asyncio.run(run))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulator(context: typer.Context) -> None:
    """Serve the WaveSpeed simulator; `rassom simulator --help` shows its options."""
    # A program of its own that shares no code with this one: start it in our place.
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *context.args])  # noqa: S606


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def telegram_simulator(context: typer.Context) -> None:
    """Serve a Telegram to test bots against; `rassom telegram-simulator --help` shows its options."""
    os.execv(sys.executable, [sys.executable, "-m", "telegram_simulator", *context.args])  # noqa: S606


@app.command()
def bot() -> None:
    """Serve the shop in Telegram (BOT_TOKEN) until SIGTERM or Ctrl-C; uses the API of a running `make run` unless told another."""
    # A program of its own that shares no code with this one: start it in our place.
    os.execve(sys.executable, [sys.executable, "-m", "bot"], _bot_environment())  # noqa: S606


def _bot_environment() -> dict[str, str]:
    settings, named = load_settings(), _NamedForBot()
    running = find_running(settings.rassom_home)
    found: dict[str, str] = {}
    if running is not None:
        found |= {} if named.api_base_url else {"API_BASE_URL": running.api_url}
        found |= {} if named.api_key else {"API_KEY": owner_key(settings)}
        found |= {} if settings.redis_url else {"REDIS_URL": running.redis_url}
    return os.environ | found


class _NamedForBot(BaseSettings):
    """What is named for the bot, in the environment or in `.env`; the bot itself checks it."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    api_base_url: str | None = None
    api_key: SecretStr | None = None


@app.command()
def openapi() -> None:
    """Print the OpenAPI schema."""
    say(json.dumps(create_app().openapi(), indent=2))
