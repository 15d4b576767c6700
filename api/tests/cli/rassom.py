"""`rassom` as an operator runs it: in a process of its own, with its own environment, directory and output.

It is forked with everything imported, and not started anew: that is nine tenths of what a command costs.
"""

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app.cli.commands  # noqa: F401 - what a command would spend two seconds on
from app.cli import main
from tests.forking import FORKS, become, ended

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
        process = FORKS.Process(target=run, args=arguments, name=f"rassom {number}")
        process.start()
        if not await ended(process, within_s=ENDS_WITHIN_S):
            process.kill()
            raise TimeoutError(f"rassom {' '.join(words)}: {complained.read_text()}")
        return Ended(process.exitcode or 0, said.read_text(), complained.read_text())


def run(words: Sequence[str], env: Mapping[str, str], folder: Path, said: Path, complained: Path) -> None:
    """What the forked process does."""
    become(env, folder, said, complained)
    sys.argv = ["rassom", *words]
    main()
