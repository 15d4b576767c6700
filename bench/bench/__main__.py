"""`python -m bench`: run scenarios, print one table, write JSON and pictures."""

import argparse
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import uvloop

from bench.figures import table
from bench.instance import running_instance
from bench.run import Run, Scenario, say
from bench.scenarios import audit, balance, growth, in_flight, latency, overload, reads, start, submits

SCENARIOS = {
    module.SCENARIO.name: module.SCENARIO
    for module in (latency, submits, reads, in_flight, overload, balance, audit, growth, start)
}


def main() -> int:
    """Run what was asked for; exit code 1 when a target was missed or an audit was not clean."""
    names, out = _arguments()
    began_s, runs = time.monotonic(), {}
    for number, name in enumerate(names, start=1):
        scenario = SCENARIOS[name]
        say(f"[{number}/{len(names)}] {name}: {scenario.title}, about {scenario.seconds} s")
        runs[name] = _run(scenario, out)
        # After each of them, so that one that breaks takes nothing with it.
        _write(runs, out, seconds=time.monotonic() - began_s)
    figures = [figure for run in runs.values() for figure in run.figures]
    sys.stdout.write(f"\n{table(figures)}\n\n")
    missed = [figure.name for figure in figures if figure.verdict == "MISSED"]
    say(f"{len(figures)} figures, {len(missed)} missed; JSON and pictures are in {out}")
    return 1 if missed else 0


def _run(scenario: Scenario, out: Path) -> Run:
    with running_instance(scenario.env, keep=out / "logs" / scenario.name) as instance:
        run = Run(instance)
        uvloop.run(_run_and_audit(scenario, run))
    for name, picture in run.pictures.items():
        (out / f"{name}.svg").write_text(picture)
    return run


async def _run_and_audit(scenario: Scenario, run: Run) -> None:
    at_rest = run.instance.memory_mib()
    await scenario.run(run)
    code, said = await run.instance.rassom("audit")
    run.figure(f"audit after {scenario.name}: violated", code, "", at_most=0)
    if code:
        sys.stdout.write(said)
    run.details["memory_mib"] = {
        part: {"at_rest": round(used), "highest": round(max(used, run.memory_mib.get(part, 0.0)))} for part, used in at_rest.items()
    }


def _write(runs: dict[str, Run], out: Path, *, seconds: float) -> None:
    report: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
            "load_average_at_end": os.getloadavg()[0],
        },
        "scenarios": {name: {"figures": [figure.to_json() for figure in run.figures], **run.details} for name, run in runs.items()},
    }
    (out / "bench.json").write_text(json.dumps(report, indent=2) + "\n")


def _arguments() -> tuple[list[str], Path]:
    parser = argparse.ArgumentParser(prog="bench", description="How fast Rassom is, beside floors measured in the same minute.")
    parser.add_argument("scenario", nargs="*", help=f"one or more of {', '.join(SCENARIOS)}; all by default")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results"), help="where JSON and pictures go (default: bench-results)"
    )
    given = parser.parse_args()
    unknown = sorted(set(given.scenario) - set(SCENARIOS))
    if unknown:
        parser.error(f"unknown scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    return given.scenario or list(SCENARIOS), given.out


if __name__ == "__main__":
    sys.exit(main())
