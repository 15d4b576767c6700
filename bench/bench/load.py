"""Load: open loop (arrivals by the clock, whatever the answers do) and closed loop (clients that each wait for their answer)."""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

SEED = 20_260_101
"""Arrivals are random and the same in every run."""


@dataclass
class Samples:
    """What was seen: when each call began, seconds from the load's start, and how long it took."""

    took_s: list[float] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    elapsed_s: float = math.nan

    @property
    def per_second(self) -> float:
        """Calls that ended, per second."""
        return len(self.took_s) / self.elapsed_s

    @property
    def took_ms(self) -> list[float]:
        """How long each took, in milliseconds."""
        return [seconds * 1000 for seconds in self.took_s]


async def open_loop(call: Callable[[int], Awaitable[object]], *, per_second: float, seconds: float) -> Samples:
    """Begin `call(n)` at random moments, so many a second on average, and wait for all of them to end.

    A call's time counts from the moment it was due, so a load generator that comes late hides nothing.
    """
    samples, dice = Samples(), random.Random(SEED)  # noqa: S311 - arrivals, not secrets
    began_s, due_s, number = time.monotonic(), 0.0, 0

    async def one(at_s: float, number: int) -> None:
        await call(number)
        samples.took_s.append(time.monotonic() - began_s - at_s)
        samples.at_s.append(at_s)

    async with asyncio.TaskGroup() as group:
        while due_s < seconds:
            await asyncio.sleep(max(0.0, began_s + due_s - time.monotonic()))
            group.create_task(one(due_s, number))
            due_s += dice.expovariate(per_second)
            number += 1
    samples.elapsed_s = time.monotonic() - began_s
    return samples


async def closed_loop(call: Callable[[], Awaitable[object]], *, clients: int, seconds: float) -> Samples:
    """So many clients call again and again for so long, each waiting for its answer."""
    samples = Samples()
    began_s = time.monotonic()

    async def one() -> None:
        while (at_s := time.monotonic() - began_s) < seconds:
            await call()
            samples.took_s.append(time.monotonic() - began_s - at_s)
            samples.at_s.append(at_s)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(one())
    samples.elapsed_s = time.monotonic() - began_s
    return samples
