"""Every fault of the provider, twice each: the same worlds, faults and judges as `make faults`."""

import sys
from contextlib import AsyncExitStack

from app.core.config import Settings
from app.embedded.postgres import Postgres
from simulator.faults import KINDS
from simulator.server import RunningSimulator
from tests.factories import a_database, changed
from tests.faults.menu import OF_OTHERS, STORM, UPLOADS, WORLDS, by_marker
from tests.faults.trial import CHARGED, NOT_FINAL, REPEATED, run


def say(line: str) -> None:
    """What pytest shows when the test fails."""
    sys.stdout.write(line + "\n")


class TestMenu:
    def test_leaves_no_fault_out_that_rassom_can_meet(self) -> None:
        on_the_menu = {dish.kind for dish in by_marker()} | set(STORM) | set(UPLOADS)
        assert on_the_menu == {kind.kind for kind in KINDS.values() if kind.stage not in OF_OTHERS}


class TestFaults:
    async def test_charge_nobody_without_a_picture_and_end(
        self, settings: Settings, postgres_server: Postgres, simulator: RunningSimulator
    ) -> None:
        async with AsyncExitStack() as stack:
            admin = postgres_server.dsn("postgres")
            databases = [await stack.enter_async_context(a_database(admin, "rassom")) for _ in WORLDS]
            worlds = [changed(settings, database_url=dsn) for dsn in databases]
            report = await run(worlds, simulator, count=2, say=say)

        assert report.findings == []
        assert (report.totals[CHARGED], report.totals[REPEATED], report.totals[NOT_FINAL]) == (0, 0, 0)
        assert report.totals["generations"] > 2 * len(by_marker())
