"""Added latency: from the tap to the client that sees `completed`, minus the time that the provider took for itself."""

import time
from collections.abc import Iterator

import asyncpg

from bench.charts import Series, distribution
from bench.client import ACCEPTED, Client, Provider, client_of, provider_of
from bench.figures import percentile
from bench.load import open_loop
from bench.run import Run, Scenario, say
from bench.seeding import seed_payers

PER_SECOND = 20
SECONDS = 30
FLOOR_SECONDS = 10
WARM_UP_SECONDS = 3
PROVIDER_S = 1.0
P50_MS, P99_MS = 25, 150

_SIZES = """
    SELECT relname AS name, pg_total_relation_size(oid) AS size FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


async def run(run: Run) -> None:
    """Orders at random moments, each followed over server-sent events; then the same orders by a bare client of the provider."""
    people = iter(await seed_payers(run.instance.database_url, 2 * PER_SECOND * (SECONDS + WARM_UP_SECONDS)))
    async with client_of(run.instance, timeout_s=20) as client, provider_of(run.instance) as provider:
        await provider.configure(delay_s=PROVIDER_S)
        await _lives(client, people, WARM_UP_SECONDS)
        say(f"          {PER_SECOND} orders a second for {SECONDS} s, provider {PROVIDER_S:g} s")
        took_s: dict[str, float] = {}
        before = await _table_bytes(run.instance.database_url)
        with run.counting_processor_time("one life", lambda: len(took_s)):
            async with run.watching_memory():
                took_s, failed = await _lives(client, people, SECONDS)
        added_ms = await _added_ms(provider, took_s)
        bare_ms = await _added_ms(provider, await _bare_orders(provider))
    after = await _table_bytes(run.instance.database_url)
    grown = {table: (size - before.get(table, 0)) / max(1, len(took_s)) for table, size in after.items()}
    run.details["failed"] = failed
    run.details["bytes_of_one_life"] = {table: round(grown[table]) for table in sorted(grown, key=lambda name: -grown[name])}
    run.figure("disk of one life, indexes included", sum(grown.values()) / 1024, "kB")
    run.figure("lives that did not complete", len(failed), "", at_most=0)
    run.figure("added latency p50", percentile(added_ms, 50), "ms", floor=percentile(bare_ms, 50), at_most=P50_MS)
    run.figure("added latency p99", percentile(added_ms, 99), "ms", floor=percentile(bare_ms, 99), at_most=P99_MS)
    run.pictures["added-latency"] = distribution(
        f"Added latency of a whole life, {PER_SECOND} orders a second",
        "added latency, ms",
        [Series("Rassom: order to `completed`", added_ms), Series("floor: bare call of the provider", bare_ms)],
    )


async def _table_bytes(database_url: str) -> dict[str, int]:
    """What each table takes, with its indexes."""
    connection = await asyncpg.connect(database_url)
    try:
        return {row["name"]: row["size"] for row in await connection.fetch(_SIZES)}
    finally:
        await connection.close()


async def _lives(client: Client, people: Iterator[int], seconds: float) -> tuple[dict[str, float], list[str]]:
    """Seconds from order to `completed` by prompt, and what became of those that did not complete."""
    took_s: dict[str, float] = {}
    failed: list[str] = []

    async def life(number: int) -> None:
        person, prompt, began_s = next(people), f"life {number} of {seconds:g} s", time.monotonic()
        answer = await client.submit(person, prompt)
        status = f"refused with {answer.status}"
        if answer.status == ACCEPTED:
            status = await client.end_of(answer.json["request"]["id"], person)
        if status == "completed":
            took_s[prompt] = time.monotonic() - began_s
        else:
            failed.append(status)

    await open_loop(life, per_second=PER_SECOND, seconds=seconds)
    return took_s, failed


async def _bare_orders(provider: Provider) -> dict[str, float]:
    """What the worker sent to the provider, sent by a client that does nothing else; seconds by prompt."""
    path, body = await provider.last_order()
    took_s: dict[str, float] = {}

    async def call(number: int) -> None:
        prompt, began_s = f"bare call {number}", time.monotonic()
        await provider.order(path, body | {"prompt": prompt})
        took_s[prompt] = time.monotonic() - began_s

    await open_loop(call, per_second=PER_SECOND, seconds=FLOOR_SECONDS)
    return took_s


async def _added_ms(provider: Provider, took_s: dict[str, float]) -> list[float]:
    own_s = await provider.own_seconds()
    return [(seconds - own_s[prompt]) * 1000 for prompt, seconds in took_s.items()]


SCENARIO = Scenario("latency", "added latency of a whole life", run, seconds=60)
