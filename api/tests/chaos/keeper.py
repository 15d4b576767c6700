"""The supervisor of a chaos run, a program of its own: the product's supervisor over two of each program, which tells process ids.

`python -m tests.chaos.keeper HOME` reads HOME/plan.json: the simulators' ports and options, each program's verb and environment.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.embedded import parts, postgres, processes
from app.embedded.processes import EmbeddedError
from app.embedded.supervisor import Part, Program, StopRequested, Supervisor

PROVIDER_STAGE = 1


def main(home: Path) -> int:
    """Start everything and keep it running until SIGTERM."""
    plan = json.loads((home / "plan.json").read_text())
    supervisor = Supervisor()
    try:
        with supervisor.running():
            database = parts.database(home)
            provider = parts.simulator(home, plan["ports"], options=plan["simulator"])
            telegram = [_telegram(home, plan["telegram"])] if plan["telegram"] else []
            keep: list[Part[Any]] = [database, parts.cache(home), provider, *telegram]
            for part in keep:
                supervisor.add(part)
            _migrate(home, database, supervisor)
            for name, program in plan["programs"].items():
                keep.append(_program(name, home, program))
                supervisor.add(keep[-1])
            supervisor.steady()
            told: dict[str, int] = {}
            while True:
                supervisor.tend(0.05)
                running = {part.name.lower(): part.server.process.pid for part in keep if part.server is not None}
                if running != told:
                    _tell(home / "pids.json", running)
                    told = running
    except StopRequested:
        return 0


def _migrate(home: Path, database: Part[postgres.Postgres], supervisor: Supervisor) -> None:
    dsn = database.server.dsn() if database.server else ""
    env = {**os.environ, "DATABASE_URL": dsn}
    if processes.run(parts.verb("migrate"), log=home / "log" / "migrate.log", env=env, pause=supervisor.tend) != 0:
        raise EmbeddedError(processes.tail(home / "log" / "migrate.log"))


def _telegram(home: Path, options: list[str]) -> Part[Program]:
    log = home / "log" / "telegram.log"
    command = [sys.executable, "-m", "telegram_simulator", "--state-dir", str(home / "telegram"), *options]

    def start(_: processes.Pause) -> Program:
        return Program(processes.start(command, log=log))

    return Part("telegram", start, log, PROVIDER_STAGE)


def _program(name: str, home: Path, program: Mapping[str, Any]) -> Part[Program]:
    log = home / "log" / f"{name}.log"

    def start(_: processes.Pause) -> Program:
        return Program(processes.start(parts.verb(program["verb"]), log=log, env={**os.environ, **program["env"]}))

    return Part(name, start, log)


def _tell(file: Path, running: Mapping[str, int]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(running))
    fresh.replace(file)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
