"""Submits in a closed loop, against a bare asyncpg program that leaves the same rows in the same database in the same minute."""

from collections.abc import Awaitable, Callable, Iterator

from bench.charts import Series, distribution, lines
from bench.client import ACCEPTED, Client, client_of
from bench.figures import percentile
from bench.load import Samples, closed_loop
from bench.run import Run, Scenario, run_floor, say
from bench.seeding import seed_payers

CLIENTS = (1, 4, 16, 32)
JUDGED_AT = 16
ROUNDS = 2
SECONDS = 3.0
FLOOR_PER_SECOND_MAX = 2500
PAYERS = 80_000
WARM_UP_PAYERS = 2000
RATIO = 0.5


async def run(run: Run) -> None:
    """Product and floor take turns, so that whatever else this machine does meets both. The worker is held still meanwhile."""
    database_url = run.instance.database_url
    product: dict[int, list[Samples]] = {clients: [] for clients in CLIENTS}
    floor: dict[int, list[Samples]] = {clients: [] for clients in CLIENTS}
    refused: list[int] = []
    batch = int(FLOOR_PER_SECOND_MAX * SECONDS)
    people = await seed_payers(database_url, PAYERS)
    taken = WARM_UP_PAYERS
    async with client_of(run.instance) as client, run.watching_memory():
        with run.instance.without("worker"):
            await closed_loop(_orders(client, iter(people), refused), clients=4, seconds=1.0)
            for clients in CLIENTS * ROUNDS:
                payers = iter(people[taken:])
                samples = await closed_loop(_orders(client, payers, refused), clients=clients, seconds=SECONDS)
                product[clients].append(samples)
                taken += len(samples.took_s) + clients
                bare = await run_floor(
                    "bench.floors.submit",
                    database_url,
                    clients,
                    SECONDS,
                    people[taken],
                    people[min(taken + batch, len(people) - 1)],
                )
                floor[clients].append(bare)
                taken += len(bare.took_s) + clients
                say(f"          {clients:2} clients: {samples.per_second:6.0f} orders/s, floor {bare.per_second:6.0f}")
    run.figure("submits refused", len(refused), "", at_most=0)
    for clients in CLIENTS:
        is_judged = {"at_least": RATIO, "is_ratio": True} if clients == JUDGED_AT else {}
        run.figure(f"submits, {clients} clients", _rate(product[clients]), "/s", floor=_rate(floor[clients]), **is_judged)
    took_ms = [one for samples in product[JUDGED_AT] for one in samples.took_ms]
    run.figure(f"submit p50, {JUDGED_AT} clients", percentile(took_ms, 50), "ms")
    run.pictures["submit-throughput"] = lines(
        "Submits over concurrency",
        "clients, each waiting for its answer",
        "orders a second",
        {
            "Rassom over HTTP": [(clients, _rate(product[clients])) for clients in CLIENTS],
            "floor: asyncpg, the same rows": [(clients, _rate(floor[clients])) for clients in CLIENTS],
        },
    )
    run.pictures["submit-latency"] = distribution(
        f"Time of one submit, {JUDGED_AT} clients",
        "time, ms",
        [
            Series("Rassom over HTTP", took_ms),
            Series("floor: asyncpg, the same rows", [one for samples in floor[JUDGED_AT] for one in samples.took_ms]),
        ],
    )


def _orders(client: Client, payers: Iterator[int], refused: list[int]) -> Callable[[], Awaitable[None]]:
    async def order() -> None:
        answer = await client.submit(next(payers))
        if answer.status != ACCEPTED:
            refused.append(answer.status)

    return order


def _rate(rounds: list[Samples]) -> float:
    return sum(len(samples.took_s) for samples in rounds) / sum(samples.elapsed_s for samples in rounds)


SCENARIO = Scenario("submits", "submits in a closed loop", run, seconds=75, env={"GENERATION_QUEUE_MAX": "0"})
