"""Audit: every invariant over a book of a million entries, chain included."""

import time

from bench.run import Run, Scenario, say
from bench.seeding import seed_whale

ENTRIES = 1_000_000
SECONDS_MAX = 30


async def run(run: Run) -> None:
    """Half of the entries are a wallet's and half the house's; the command is the operator's own, its start included."""
    await seed_whale(run.instance.superuser_url, entries=ENTRIES // 2)
    say(f"          {ENTRIES:,} entries")
    began_s = time.monotonic()
    async with run.watching_memory():
        code, said = await run.instance.rassom("audit")
    run.details["said"] = said
    run.figure(f"audit of {ENTRIES:,} entries", time.monotonic() - began_s if code == 0 else float("nan"), "s", at_most=SECONDS_MAX)


SCENARIO = Scenario("audit", f"audit of {ENTRIES:,} entries", run, seconds=60)
