"""`make chaos`: real processes, orders at a steady rate, and no part that is left alone; ends with what was found."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.chaos.trial import Plan, Report, run

FAULT_EVERY_S = 1.3
GENERATIONS_MIN, FAULTS_MIN, TOLD_MIN, LONG_MINUTES, LONG_RATE = 8000, 300, 200, 10, 15
SHOPPERS, SHOPPER_PAUSE_S = 60, 30


def main() -> int:
    """0 when every promise was kept and there was enough to break them."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--minutes", type=float, default=LONG_MINUTES)
    parser.add_argument("--rate", type=float, default=LONG_RATE, help="orders a second")
    given = parser.parse_args()
    people = max(40, round(given.rate * 50))
    plan = Plan(given.seed, given.minutes * 60, given.rate, FAULT_EVERY_S, people, SHOPPERS, SHOPPER_PAUSE_S)
    home = Path(tempfile.mkdtemp(prefix="rassom-chaos-"))
    say(f"seed {plan.seed}, {given.minutes:g} minutes at {plan.rate:g} orders/s, in {home}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(run(plan, home, say))
    if given.minutes >= LONG_MINUTES and given.rate >= LONG_RATE:
        report.findings += _too_little(report)
    _show(report)
    if report.findings:
        say(f"the logs are in {home}/log")
        return 1
    shutil.rmtree(home)
    return 0


def _too_little(report: Report) -> list[str]:
    accepted, told = report.verdict.counts["accepted"], report.shop.counts["told"]
    return [
        *([f"only {accepted} generations, {GENERATIONS_MIN} are wanted"] if accepted < GENERATIONS_MIN else []),
        *([f"only {told} ends were told in the shop, {TOLD_MIN} are wanted"] if told < TOLD_MIN else []),
        *([f"only {report.hits} faults, {FAULTS_MIN} are wanted"] if report.hits < FAULTS_MIN else []),
    ]


def _show(report: Report) -> None:
    counts = report.verdict.counts
    say("")
    for kind in report.plan.kinds:
        say(f"  {kind:<40} {report.hit[kind]:>4} hit of {report.tried[kind]}")
    titled = {"checker": counts, "shop": report.shop.counts, "shoppers": report.deeds, "answers": report.answers}
    for title, figures in (titled | {"processor seconds": report.cpu_s}).items():
        say(f"{title}: " + ", ".join(f"{name} {count}" for name, count in sorted(figures.items())))
    say(f"orders that came late {report.late}, that found nobody free {report.nobody_free}; provider faults {report.strikes}")
    for finding in report.findings[:50]:
        say(f"FOUND {finding}")
    say(
        f"chaos: seed {report.plan.seed}, {report.hits} faults, {counts['accepted']} generations, {report.shop.counts['told']} told"
        f" in the shop, {report.shop.counts['transactions']} payments, {len(report.findings)} findings,"
        f" {report.stuck} stuck, all ended {report.healed_s:.0f} s after the last fault"
    )


def say(line: str) -> None:
    """A line for whoever watches, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
