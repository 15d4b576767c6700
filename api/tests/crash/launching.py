"""The API and the worker as real processes, forked from one that has imported everything: a start costs a tenth of a second.

Linux only: what is forked here ends with the fork server, and that with the process that asked for it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from uvicorn.loops.auto import auto_loop_factory

from app import server
from app import worker as worker_program
from app.core.config import load_settings
from app.domain.generations import jobs
from tests.crash.killing import Kill, arm
from tests.crash.steps import Program
from tests.forking import FORKS, become

# The sweep looks every ten seconds; here every second, so that a round need not wait for it.
EVERY_SECOND = "* * * * * *"


def launch(program: Program, env: Mapping[str, str], folder: Path, kill: Kill | None) -> ForkServerProcess:
    """Start `rassom api` or `rassom worker` with this environment and no other; its log is `folder`/`program`.log."""
    folder.mkdir(parents=True, exist_ok=True)
    process = FORKS.Process(target=_run, args=(program, dict(env), folder, kill), name=program)
    process.start()
    return process


def _run(program: Program, env: dict[str, str], folder: Path, kill: Kill | None) -> None:
    log = folder / f"{program}.log"
    become(env, folder, log, log)
    _hasten_schedules()
    if kill is not None:
        arm(kill)
    if program == "api":
        server.serve(load_settings())
    else:
        with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
            runner.run(worker_program.run(load_settings()))


def _hasten_schedules() -> None:
    wire = jobs.wire_jobs

    def wire_hastened(*args: Any, **kwargs: Any) -> Any:
        queued, scheduled = wire(*args, **kwargs)
        return queued, [replace(each, cron=EVERY_SECOND) for each in scheduled]

    jobs.wire_jobs = wire_hastened
