"""A part of a shop as a process of its own, which a story kills and starts again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.programs import bare_environment, spawn

START_S = 90.0
STOP_S = 15.0


@dataclass
class Part:
    """`python -m` these words; `ready` is what its log says when it is at work. It belongs to the home `folder`."""

    name: str
    words: list[str]
    env: dict[str, str]
    folder: Path
    ready: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All it has logged, in all its lives."""
        file = self.folder / f"{self.name}.out"
        return file.read_text() if file.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    async def start(self) -> None:
        """Start it and wait until it is at work. Raises AssertionError with its log when it ends before, or takes too long."""
        ready_before, out = self.log.count(self.ready), self.folder / f"{self.name}.out"
        command, env = [sys.executable, "-m", *self.words], bare_environment(self.folder, **self.env)
        self.process = spawn(command, env=env, cwd=self.folder, out=out, errors=out)
        until_s = time.monotonic() + START_S
        while self.log.count(self.ready) == ready_before:
            assert self.process.poll() is None, f"the {self.name} ended before it was ready:\n{self.log}"
            assert time.monotonic() < until_s, f"the {self.name} was not ready within {START_S} s:\n{self.log}"
            await asyncio.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    async def stop(self) -> None:
        """As Ctrl-C does. Raises AssertionError with its log when that was no orderly end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        code = await asyncio.to_thread(self.process.wait, STOP_S)
        assert code == 0, f"the {self.name} ended with {code}:\n{self.log[-4000:]}"
