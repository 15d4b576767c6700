"""`make crash`: the whole sweep, with a seed, a table of hits and a last line of figures. Fails on any violation."""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from app.db import migrations
from app.embedded import postgres, valkey
from tests.crash.sweep import Report, Services, draw, points_of, sweep

HITS_MIN = 240
TEMPLATE = "rassom"
LANES_MAX = 16  # a Valkey has so many databases


def main() -> int:
    """Run what the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 - to be printed and given again
    parser.add_argument("--repeats", type=int, default=3, help="rounds for each step and edge")
    parser.add_argument("--lanes", type=int, default=6, choices=range(1, LANES_MAX + 1), help="shops at the same time")
    parser.add_argument("--only", default="", help="labels that contain this")
    chosen = parser.parse_args()
    points = [(step, edge) for step, edge in points_of() if chosen.only in step.label]
    trips = draw(points, chosen.repeats, chosen.seed)
    say(f"seed {chosen.seed}: {len(points)} points, {len(trips)} rounds, {chosen.lanes} lanes")
    with tempfile.TemporaryDirectory(prefix="rassom-crash-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        with postgres.start(home, durable=False) as server, valkey.start(home) as cache:
            migrations.migrate(server.dsn(TEMPLATE))
            services = Services(server.dsn("postgres"), TEMPLATE, cache.url, home / "lanes")
            report = asyncio.run(sweep(services, trips, lanes=chosen.lanes, say_progress=True))
    return tell(report, chosen.seed, hits_min=0 if chosen.only or chosen.repeats == 1 else HITS_MIN)


def tell(report: Report, seed: int, *, hits_min: int) -> int:
    """Print what came of it; 1 when it proves nothing, or the opposite."""
    say(report.table())
    for violation in report.violations:
        say(f"VIOLATION {violation}")
    for miss in report.misses:
        say(f"did not fire: {miss}")
    for label, edge in report.never_fired:
        say(f"NEVER FIRED {label} | {edge}")
    hits = report.hits.total()
    say(
        f"crash: seed {seed}, {hits} kills that hit at {len(report.points)} points in {report.took_s:.0f} s,"
        f" {len(report.misses)} that did not fire, {len(report.violations)} violations"
    )
    return int(bool(report.violations or report.never_fired) or hits < hits_min)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
