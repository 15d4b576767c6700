"""Whether every part that orders need is there; for `/api/v1/ready` and whoever starts us."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app.core import clock
from app.core.errors import ServiceUnavailableError
from app.db.migrations import head_revision, is_known, read_revision
from app.domain.supply import service as supply
from app.resources import Resources

CHECK_TIMEOUT_S = 3.0
Overall = Literal["ok", "degraded", "unavailable"]


class Check(BaseModel):
    """One part: whether it answered, how fast, and what is wrong when it did not."""

    ok: bool
    latency_ms: float
    detail: str | None = None


class Checks(BaseModel):
    """The parts."""

    database: Check
    redis: Check
    migrations: Check
    provider: Check


async def check_all(resources: Resources) -> tuple[Overall, Checks]:
    """Ask every part at once. Without database or migrations nothing works; without the others only less."""
    database, redis, migrations, provider = await asyncio.gather(
        _check(lambda: _database(resources)),
        _check(lambda: _redis(resources)),
        _check(lambda: _migrations(resources)),
        _check(lambda: _provider(resources)),
    )
    checks = Checks(database=database, redis=redis, migrations=migrations, provider=provider)
    if not (database.ok and migrations.ok):
        return "unavailable", checks
    return ("ok" if redis.ok and provider.ok else "degraded"), checks


async def _check(ask: Callable[[], Awaitable[str | None]]) -> Check:
    started_s = clock.monotonic_s()
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            detail = await ask()
    except (ServiceUnavailableError, SQLAlchemyError, TimeoutError) as error:
        detail = type(error).__name__
    return Check(ok=detail is None, latency_ms=round((clock.monotonic_s() - started_s) * 1000, 2), detail=detail)


async def _database(resources: Resources) -> str | None:
    async with resources.reading() as session:
        await read_revision(session)
    return None


async def _migrations(resources: Resources) -> str | None:
    async with resources.reading() as session:
        installed = await read_revision(session)
    needed = head_revision()
    # A migration that this program does not know is a newer program's: during a rolling upgrade the old one serves on.
    is_behind = installed is None or (installed != needed and is_known(installed))
    return f"at {installed}, this program needs {needed}" if is_behind else None


async def _redis(resources: Resources) -> str | None:
    if resources.redis is None:
        return "REDIS_URL is not set"
    return None if await resources.redis.ping() else "no answer"


async def _provider(resources: Resources) -> str | None:
    if resources.provider is None:
        return "WAVESPEED_API_KEY is not set"
    async with resources.reading() as session:
        standing = await supply.read(session, resources.settings)
    breaker, balance = standing.breaker, standing.known_balance_usd
    if breaker.is_open:
        return f"{breaker.reason}; orders are refused, asked again in {math.ceil(standing.probe_in_s)} s"
    minimum = resources.settings.wavespeed_balance_min_usd
    return f"its balance is {balance:.2f} USD, orders need {minimum:.2f}" if balance is not None and balance < minimum else None
