"""`rassom worker` and `rassom api` as processes that tests kill and freeze, forked as the operator's commands are."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from app.core.config import Settings
from tests.cli.rassom import run
from tests.forking import FORKS
from tests.programs import STOP_TIMEOUT_S, bare_environment, told


@dataclass(frozen=True)
class Program:
    """`rassom worker` or `rassom api` that runs."""

    process: ForkServerProcess

    def send_signal(self, name: signal.Signals) -> None:
        """Signal it, unless it has ended."""
        if self.process.exitcode is None and self.process.pid is not None:
            os.kill(self.process.pid, name)

    def kill(self) -> None:
        """kill -9, and wait for its end."""
        self.process.kill()
        self.process.join(STOP_TIMEOUT_S)
        assert self.process.exitcode is not None


@contextmanager
def program(settings: Settings, folder: Path, verb: str = "worker") -> Iterator[Program]:
    """A worker (or another program) for these settings; its log is `folder`/`verb`.out. Nothing is left of it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{verb}.out"
    arguments = ((verb,), bare_environment(folder, **told(settings)), folder, log, log)
    running = Program(FORKS.Process(target=run, args=arguments, name=verb))
    running.process.start()
    try:
        yield running
    finally:
        running.send_signal(signal.SIGCONT)
        running.process.terminate()
        running.process.join(STOP_TIMEOUT_S)
        running.kill()
