"""Reads: `/models` of the API, against a bare Starlette endpoint that sends the same bytes on the same server."""

import asyncio

from bench.charts import lines
from bench.client import client_of
from bench.load import Samples
from bench.run import Run, Scenario, running_floor, say
from bench.wire import read_again_and_again

CLIENTS = (1, 8, 32)
JUDGED_AT = 32
ROUNDS = 3
SECONDS = 2.0
RATIO = 0.6


async def run(run: Run) -> None:
    """Product and floor take turns; one client costs next to nothing, so that the server is what is measured."""
    url = f"{run.instance.api_url}/api/v1/models"
    async with client_of(run.instance) as client:
        answer = await client.get("/api/v1/models")
    file = run.instance.home / "models.json"
    await asyncio.to_thread(file.write_bytes, answer.body)
    product: dict[int, list[Samples]] = {clients: [] for clients in CLIENTS}
    floor: dict[int, list[Samples]] = {clients: [] for clients in CLIENTS}
    with run.instance.without("worker"):
        async with running_floor("bench.floors.endpoint", file) as bare_url, run.watching_memory():
            await read_again_and_again(url, clients=8, seconds=1.0)
            await read_again_and_again(bare_url, clients=8, seconds=1.0)
            for clients in CLIENTS * ROUNDS:
                product[clients].append(await read_again_and_again(url, clients=clients, seconds=SECONDS))
                floor[clients].append(await read_again_and_again(bare_url, clients=clients, seconds=SECONDS))
                say(f"          {clients:2} clients: {_rate(product[clients]):6.0f} reads/s, floor {_rate(floor[clients]):6.0f}")
    for clients in CLIENTS:
        is_judged = {"at_least": RATIO, "is_ratio": True} if clients == JUDGED_AT else {}
        run.figure(f"/models, {clients} clients", _rate(product[clients]), "/s", floor=_rate(floor[clients]), **is_judged)
    run.pictures["reads-throughput"] = lines(
        f"Reads of /models ({len(answer.body):,} bytes) over concurrency",
        "clients, each waiting for its answer",
        "reads a second",
        {
            "Rassom": [(clients, _rate(product[clients])) for clients in CLIENTS],
            "floor: bare Starlette, the same bytes": [(clients, _rate(floor[clients])) for clients in CLIENTS],
        },
    )


def _rate(rounds: list[Samples]) -> float:
    return sum(len(samples.took_s) for samples in rounds) / sum(samples.elapsed_s for samples in rounds)


SCENARIO = Scenario("reads", "reads of /models", run, seconds=50)
