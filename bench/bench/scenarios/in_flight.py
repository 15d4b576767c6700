"""In flight: two thousand pictures in the making at once, while everybody asks for their balance."""

import asyncio
import time

from bench.charts import Series, distribution
from bench.client import ACCEPTED, client_of, provider_of
from bench.figures import percentile
from bench.load import open_loop
from bench.run import Run, Scenario, say
from bench.seeding import seed_payers

GENERATIONS = 2000
PROVIDER_S = 20.0
CLIENTS = 16
BALANCES_PER_SECOND = 50
BALANCES_SECONDS = 10
BALANCE_P99_MS = 100
WORKER_MIB = 400
UNDERWAY_TIMEOUT_S = 60
END_TIMEOUT_S = 90


async def run(run: Run) -> None:
    """Orders are taken with the worker held still; then it starts all of them, and while they wait, balances are read."""
    people = await seed_payers(run.instance.database_url, GENERATIONS)
    async with client_of(run.instance) as client, provider_of(run.instance) as provider:
        await provider.configure(delay_s=PROVIDER_S)
        with run.instance.without("worker"):
            queue = iter(people)
            refused = []

            async def order() -> None:
                for person in queue:
                    answer = await client.submit(person)
                    if answer.status != ACCEPTED:
                        refused.append(answer.status)

            await asyncio.gather(*(order() for _ in range(CLIENTS)))
        began_s, underway = time.monotonic(), 0
        while underway < GENERATIONS - len(refused) and time.monotonic() - began_s < UNDERWAY_TIMEOUT_S:
            await asyncio.sleep(0.5)
            underway = max(underway, await provider.count("processing"))
            if await provider.count("completed"):
                break
        say(f"          {underway:,} in flight {time.monotonic() - began_s:.1f} s after the worker began")

        async def balance(number: int) -> None:
            await client.get(f"/api/v1/users/{people[number % len(people)]}/balance")

        async with run.watching_memory():
            samples = await open_loop(balance, per_second=BALANCES_PER_SECOND, seconds=BALANCES_SECONDS)
        began_s, completed = time.monotonic(), 0
        while completed < GENERATIONS - len(refused) and time.monotonic() - began_s < END_TIMEOUT_S:
            await asyncio.sleep(1)
            completed = await provider.count("completed")
    run.figure("in flight at once", underway, "", at_least=GENERATIONS)
    run.figure("balance p50, meanwhile", percentile(samples.took_ms, 50), "ms")
    run.figure("balance p99, meanwhile", percentile(samples.took_ms, 99), "ms", at_most=BALANCE_P99_MS)
    run.figure("memory of the worker, meanwhile", run.memory_mib.get("worker", float("nan")), "MiB", at_most=WORKER_MIB)
    run.pictures["balance-in-flight"] = distribution(
        f"Time of /balance with {underway:,} generations in flight", "time, ms", [Series("balance", samples.took_ms)]
    )


SCENARIO = Scenario(
    "in_flight",
    f"{GENERATIONS:,} generations waiting for a provider of {PROVIDER_S:g} s",
    run,
    seconds=70,
    env={"WAVESPEED_MAX_CONCURRENCY": str(2 * GENERATIONS), "GENERATION_QUEUE_MAX": "0"},
)
