"""`make faults`: every fault that the provider's simulator knows, a hundred orders each; ends with what was found."""

import argparse
import asyncio
import itertools
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import uvloop

from app.core.config import Settings
from app.db import migrations
from app.embedded import postgres, valkey
from simulator.server import running_simulator
from simulator.settings import Behaviour, SimulatorSettings
from tests import running
from tests.factories import BOT_KEY, NO_TLS, a_database, changed
from tests.faults.menu import WORLDS
from tests.faults.trial import CHARGED, NOT_FINAL, REPEATED, Programs, Report, run
from tests.programs import START_TIMEOUT_S, worker_process

KEY = "sim-key-of-the-faults"
LOG_ENTRIES = 1_000_000
BEGAN_S = time.monotonic()


def main() -> int:
    """0 when nothing was charged without a picture, sent twice or left open, and every fault struck."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="orders for each fault")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="rassom-faults-", ignore_cleanup_errors=True) as folder,
        postgres.start(Path(folder), durable=False) as database,
        valkey.start(Path(folder)) as cache,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        migrations.migrate(database.dsn("rassom"))
        report = runner.run(_serve(database.dsn("postgres"), cache.url, Path(folder), given.count))
    _show(report, given.count)
    return 1 if report.findings else 0


async def _serve(admin_dsn: str, redis_url: str, folder: Path, count: int) -> Report:
    settings = SimulatorSettings(api_key=KEY, request_log_max=LOG_ENTRIES, behaviour=Behaviour(delay_s=0.2, webhook_backoff_s=0.1))
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running_simulator(settings))
        values: dict[str, Any] = {
            "redis_url": redis_url,
            "wavespeed_api_base_url": f"{simulator.url}/api/v3",
            "wavespeed_api_key": KEY,
            "bootstrap_api_key": BOT_KEY,
            "rate_limit_enabled": False,
            "log_level": "error",
        }
        databases = [await stack.enter_async_context(a_database(admin_dsn, "rassom")) for _ in WORLDS]
        worlds = [Settings(_env_file=None, database_url=dsn, **values) for dsn in databases]

        return await run(worlds, simulator, count=count, say=say, programs=_in_processes(folder))


def _in_processes(folder: Path) -> Programs:
    """Programs in processes of their own, so that both processors have something to do."""
    numbers = itertools.count(1)

    @asynccontextmanager
    async def worker(settings: Settings) -> AsyncIterator[None]:
        with worker_process(settings, folder / f"worker-{next(numbers)}"):
            yield

    @asynccontextmanager
    async def api(settings: Settings, at: socket.socket) -> AsyncIterator[str]:
        url, port = running.address_of(at), at.getsockname()[1]
        at.close()
        with worker_process(changed(settings, port=port), folder / f"api-{next(numbers)}", verb="api"):
            await _until_ready(url)
            yield url

    return Programs(api, worker)


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(START_TIMEOUT_S), httpx2.AsyncClient(verify=NO_TLS) as http:
        while True:
            with suppress(httpx2.TransportError):
                if (await http.get(f"{url}/api/v1/ready")).is_success:
                    return
            await asyncio.sleep(0.05)


def _show(report: Report, count: int) -> None:
    say(f"  {'fault':<34} {'completed':>9} {'failed':>7} {'resolved':>9} {'not final':>9} {'struck':>7}")
    for name, row in sorted(report.rows.items()):
        unfinished = row.total() - row["completed"] - row["failed"] - row["cancelled"] - row["resolved"]
        struck = report.struck[name.partition(" ")[0].partition("=")[0]]
        say(f"  {name:<34} {row['completed']:>9} {row['failed']:>7} {row['resolved']:>9} {unfinished:>9} {struck:>7}")
    for title, figures in (("struck", report.struck), ("refused for the moment", report.refusals)):
        say(f"{title}: " + ", ".join(f"{name} {number}" for name, number in sorted(figures.items())))
    for finding in report.findings[:50]:
        say(f"FOUND {finding}")
    kinds, totals = sum(number > 0 for number in report.struck.values()), report.totals
    say(
        f"faults: {kinds} kinds x {count}, {totals['generations']} generations, {CHARGED} {totals[CHARGED]},"
        f" {REPEATED} {totals[REPEATED]}, {NOT_FINAL} {totals[NOT_FINAL]}, {len(report.findings)} findings"
    )


def say(line: str) -> None:
    """A line for whoever watches, at once."""
    sys.stdout.write(f"{time.monotonic() - BEGAN_S:5.0f} s  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
