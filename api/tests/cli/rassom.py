"""`rassom` as an operator runs it: in a process of its own, with its own environment, directory and output.

It is forked with everything imported, and not started anew: that is nine tenths of what a command costs.
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import app.cli.commands  # noqa: F401 - what a command would spend two seconds on
from app.cli import main
from app.core.config import Settings
from tests.forking import FORKS, become, ended
from tests.programs import STOP_TIMEOUT_S, bare_environment, told

ENDS_WITHIN_S = 60.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str
    complained: str

    @property
    def json(self) -> Any:
        return json.loads(self.said)


@dataclass(frozen=True)
class Rassom:
    """`rassom` in a fresh directory, with this test's database."""

    home: Path
    environment: dict[str, str]

    async def __call__(self, *words: str, **environment: str) -> Ended:
        number = next(_numbers)
        said, complained = (self.home / f"{number}.{name}" for name in ("out", "err"))
        arguments = (words, {**self.environment, **environment}, self.home, said, complained)
        process = FORKS.Process(target=_run, args=arguments, name=f"rassom {number}")
        process.start()
        if not await ended(process, within_s=ENDS_WITHIN_S):
            process.kill()
            raise TimeoutError(f"rassom {' '.join(words)}: {complained.read_text()}")
        return Ended(process.exitcode or 0, said.read_text(), complained.read_text())


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
    running = Program(FORKS.Process(target=_run, args=arguments, name=verb))
    running.process.start()
    try:
        yield running
    finally:
        running.send_signal(signal.SIGCONT)
        running.process.terminate()
        running.process.join(STOP_TIMEOUT_S)
        running.kill()


def _run(words: Sequence[str], env: Mapping[str, str], folder: Path, said: Path, complained: Path) -> None:
    become(env, folder, said, complained)
    sys.argv = ["rassom", *words]
    main()
