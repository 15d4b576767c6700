"""What a scenario works with: its instance, its progress, its figures and pictures; and how a floor's program is run."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.instance import Instance
from bench.load import Samples

MEMORY_EVERY_S = 2.0
_BEGAN_S = time.monotonic()


def say(words: str) -> None:
    """One line of progress, with the seconds since the beginning."""
    sys.stdout.write(f"{time.monotonic() - _BEGAN_S:6.1f} s  {words}\n")
    sys.stdout.flush()


@dataclass
class Run:
    """One run of one scenario."""

    instance: Instance
    figures: list[Figure] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    memory_mib: dict[str, float] = field(default_factory=dict)

    def figure(self, name: str, value: float, unit: str, **more: Any) -> None:
        """Note a figure and show it."""
        figure = Figure(name, value, unit, **more)
        self.figures.append(figure)
        floor = f", floor {figure.floor:.4g}, ratio {figure.ratio:.2f}" if figure.floor and figure.ratio is not None else ""
        say(f"          {name}: {value:.4g} {unit}{floor} {figure.verdict}")

    @contextmanager
    def counting_processor_time(self, what: str, count: Callable[[], int]) -> Iterator[None]:
        """Figures of how much processor time each part uses for one of what the block does `count()` times in all.

        On a machine that has other work too, this is what stays the same.
        """
        before_s = self.instance.processor_s()
        yield
        after_s = self.instance.processor_s()
        for part, used_s in after_s.items():
            self.figure(f"processor time of {what}, {part}", 1000 * (used_s - before_s.get(part, 0.0)) / max(1, count()), "ms")

    @asynccontextmanager
    async def watching_memory(self) -> AsyncIterator[None]:
        """Keep the highest memory of each process while the block runs."""

        async def watch() -> None:
            while True:
                # In a thread, so that looking does not hold up the load.
                for part, used in (await asyncio.to_thread(self.instance.memory_mib)).items():
                    self.memory_mib[part] = max(used, self.memory_mib.get(part, 0.0))
                await asyncio.sleep(MEMORY_EVERY_S)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(watch())
            try:
                yield
            finally:
                task.cancel()


@dataclass(frozen=True)
class Scenario:
    """What is done to a fresh instance with these settings, and about how long that takes on two idle cores."""

    name: str
    title: str
    run: Callable[[Run], Awaitable[None]]
    seconds: int
    env: Mapping[str, str] = field(default_factory=dict)


async def run_floor(module: str, *words: object) -> Samples:
    """Run a floor's program to its end and take its samples."""
    process = await _start(module, words)
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    found = json.loads(said)
    return Samples(found["took_s"], [], found["elapsed_s"])


@asynccontextmanager
async def running_floor(module: str, file: Path) -> AsyncIterator[str]:
    """A floor's server while the block runs; its address."""
    process = await _start(module, [file])
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        port = int(await process.stdout.readline())
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        await process.wait()


async def _start(module: str, words: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *(str(word) for word in words), stdout=asyncio.subprocess.PIPE, limit=64 * 1024 * 1024
    )
