"""Start: the second `make run` on the same data, until orders can be taken; and what the instance holds and uses at rest."""

import asyncio

from bench.figures import percentile
from bench.instance import PARTS
from bench.run import Run, Scenario

ROUNDS = 3
SECONDS = 5.0
REST_S = 5


async def run(run: Run) -> None:
    """Stop and start a few times; then let it rest."""
    took_s = []
    for _ in range(ROUNDS):
        await asyncio.to_thread(run.instance.stop)
        took_s.append(await asyncio.to_thread(run.instance.start))
    run.figure("second start, median", percentile(took_s, 50), "s", at_most=SECONDS)
    before_s = run.instance.processor_s()
    await asyncio.sleep(REST_S)
    after_s = run.instance.processor_s()
    for part, used in run.instance.memory_mib().items():
        run.figure(f"memory at rest, {part}", used, "MiB")
    for part in PARTS:
        run.figure(f"processor at rest, {part}", 100 * (after_s[part] - before_s[part]) / REST_S, "%")


SCENARIO = Scenario("start", "second start, and at rest", run, seconds=35)
