"""Balance: a wallet of a million entries against one of ten, on the same instance, in turns."""

from functools import partial

from bench.client import Client, client_of
from bench.figures import percentile
from bench.load import Samples, closed_loop
from bench.run import Run, Scenario, say
from bench.seeding import seed_payers, seed_whale

ENTRIES = 1_000_000
FEW = 10
ROUNDS = 10
SECONDS = 1.0
RATIO = 1.2


async def run(run: Run) -> None:
    """Both wallets get their newest entry from a real order, as a customer's has."""
    whale = await seed_whale(run.instance.superuser_url, entries=ENTRIES)
    (minnow,) = await seed_payers(run.instance.database_url, 1)
    took: dict[int, list[Samples]] = {whale: [], minnow: []}
    async with client_of(run.instance) as client, run.watching_memory():
        await client.submit(whale)
        for _ in range(FEW - 1):
            await _order_and_wait(client, minnow)
        say(f"          a wallet of {ENTRIES:,} entries and one of {FEW}, {ROUNDS} turns each")
        for person in (whale, minnow) * ROUNDS:
            took[person].append(await closed_loop(partial(_balance, client, person), clients=1, seconds=SECONDS))
    many, few = (percentile([one for samples in took[person] for one in samples.took_ms], 50) for person in (whale, minnow))
    run.figure(f"balance p50, {ENTRIES:,} entries against {FEW}", many, "ms", floor=few, at_most=RATIO, is_ratio=True)


async def _balance(client: Client, person: int) -> None:
    answer = await client.get(f"/api/v1/users/{person}/balance")
    assert answer.status == 200, answer.body  # noqa: S101, PLR2004 - a figure of refusals would be none


async def _order_and_wait(client: Client, person: int) -> None:
    answer = await client.submit(person)
    await client.end_of(answer.json["request"]["id"], person)


SCENARIO = Scenario("balance", f"balance of a wallet with {ENTRIES:,} entries", run, seconds=90)
