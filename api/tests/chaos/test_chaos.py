"""A short chaos run: the same parts, faults and judges as `make chaos`, for a few seconds."""

import sys
import tempfile
from pathlib import Path

from tests.chaos.trial import Plan, run

KINDS = (
    "kill api",
    "kill worker",
    "kill postgres",
    "kill and wipe valkey",
    "freeze worker past its lease",
    "cut >database",
    "lost answer client>api",
    "lost answer >provider, of a submit",
)


def say(line: str) -> None:
    """What pytest shows when the test fails."""
    sys.stdout.write(line + "\n")


class TestChaos:
    async def test_breaks_no_promise(self) -> None:
        plan = Plan(seed=4, seconds=6, rate=6, fault_every_s=0.5, people=40, deadline_s=6, lease_s=1, kinds=KINDS)
        with tempfile.TemporaryDirectory(prefix="rassom-chaos-", ignore_cleanup_errors=True) as home:
            report = await run(plan, Path(home), say)

        assert report.findings == []
        assert report.hits >= len(KINDS)
        assert report.verdict.counts["accepted"] > 0
