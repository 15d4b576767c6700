"""Growth: what a submit costs with a thousand people and with a million, who have ordered two million pictures."""

import asyncio
from collections.abc import Iterator

import asyncpg

from bench import plans
from bench.client import ACCEPTED, Client, client_of
from bench.figures import percentile
from bench.load import closed_loop
from bench.plans import Statement
from bench.run import Run, Scenario, say
from bench.seeding import seed_crowd, seed_payers

SMALL = 1000
PEOPLE, PICTURES_EACH = 1_000_000, 2
SECONDS = 4.0
EXPLAINED = 40
RATIO = 1.3
RECONNECT_TIMEOUT_S = 10
QUIET_TIMEOUT_S = 120
PER_SECOND_MAX = 600
CATALOGUE = frozenset({"model_catalog", "model_prices", "pgqueuer_schedules", "api_keys", "provider_health", "ledger_freezes"})
"""Tables that do not grow with the shop: reading them from end to end is right."""
_ACTIVE = "SELECT EXISTS (SELECT FROM generation_requests WHERE status IN ('queued', 'running'))"


async def run(run: Run) -> None:
    """The same orders by people of the same kind, before and after the crowd has come; then the plans and pages of both."""
    payers = iter(await seed_payers(run.instance.database_url, int(2 * PER_SECOND_MAX * SECONDS) + 4 * EXPLAINED + SMALL))
    async with client_of(run.instance) as client:
        with run.instance.without("worker"):
            small_ms = await _submit_ms(client, payers)
            small = await _explain(run, client, payers)
        await _until_quiet(run.instance.database_url)
        say(f"          {PEOPLE:,} people with {PEOPLE * PICTURES_EACH:,} pictures are coming")
        await seed_crowd(run.instance.superuser_url, people=PEOPLE, each=PICTURES_EACH)
        with run.instance.without("worker"):
            large_ms = await _submit_ms(client, payers)
            large = await _explain(run, client, payers)
    small_pages, large_pages = (sum(one.pages for one in found.values()) / EXPLAINED for found in (small, large))
    scanned = {name for one in large.values() for name in one.scanned if not name.startswith("pg_")} - CATALOGUE
    run.figure("submit p50, a million people", large_ms, "ms", floor=small_ms, at_most=RATIO, is_ratio=True)
    run.figure("pages touched by a submit, a million people", large_pages, "", floor=small_pages, at_most=2, is_ratio=True)
    run.figure("growing tables read from end to end", len(scanned), "", at_most=0)
    run.details |= {
        "scanned": sorted(scanned),
        "statements": {
            text[:200]: {"calls": one.calls / EXPLAINED, "pages": one.pages / one.calls, "scanned": sorted(one.scanned)}
            for text, one in sorted(large.items(), key=lambda item: -item[1].pages)
        },
    }


async def _until_quiet(database_url: str) -> None:
    """Wait until every order has ended: what a worker that is held still had begun would keep old rows alive for all who look.

    Raises TimeoutError.
    """
    connection = await asyncpg.connect(database_url)
    try:
        for _ in range(QUIET_TIMEOUT_S):
            if not await connection.fetchval(_ACTIVE):
                return
            await asyncio.sleep(1)
    finally:
        await connection.close()
    raise TimeoutError(f"the worker has not ended its orders within {QUIET_TIMEOUT_S} s")


async def _submit_ms(client: Client, payers: Iterator[int]) -> float:
    await closed_loop(lambda: client.submit(next(payers)), clients=1, seconds=1.0)
    samples = await closed_loop(lambda: client.submit(next(payers)), clients=1, seconds=SECONDS)
    return percentile(samples.took_ms, 50)


async def _explain(run: Run, client: Client, payers: Iterator[int]) -> dict[str, Statement]:
    log = run.instance.home / "log" / "postgres.log"
    await plans.switch_on(run.instance.superuser_url)
    # The pool finds its connections cut off, and opens new ones.
    async with asyncio.timeout(RECONNECT_TIMEOUT_S):
        await _until_accepted(client, payers)
    begins_at = log.stat().st_size
    for _ in range(EXPLAINED):
        await client.submit(next(payers))
    await plans.switch_off(run.instance.superuser_url)
    return plans.read_statements(log, begins_at=begins_at)


async def _until_accepted(client: Client, payers: Iterator[int]) -> None:
    for person in payers:
        if (await client.submit(person)).status == ACCEPTED:
            return
        await asyncio.sleep(0.1)


SCENARIO = Scenario(
    "growth",
    f"a submit among {PEOPLE:,} people with {PEOPLE * PICTURES_EACH:,} pictures",
    run,
    seconds=200,
    env={"GENERATION_QUEUE_MAX": "0"},
)
