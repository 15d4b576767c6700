"""What is done to the parts of a chaos run, by the dice; and what of it took effect."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos.stack import PROGRAMS, Stack
from tests.proxy import Link

Deed = Callable[["Mischief"], Awaitable[int]]
MORE_S = 15.0
APIS = [name for name, verb in PROGRAMS.items() if verb == "api"]
WORKERS = [name for name, verb in PROGRAMS.items() if verb == "worker"]


@dataclass
class Mischief:
    """The faults of one run: how often each was tried, and how often it really hit."""

    stack: Stack
    dice: random.Random
    tried: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)

    def link(self, wire: str) -> Link:
        """One of the wires of this kind, such as `>database`."""
        return self.dice.choice([link for name, link in self.stack.links.items() if wire in name])

    async def go_on(self, kinds: Sequence[str], *, for_s: float, every_s: float) -> None:
        """One fault after the other, at random moments, several at once; when the time is over, what has begun is ended.

        Each kind comes once, in an order of its own, and again if it met nothing to take effect on; then they come by weight.
        One that is still missing at the end is given some time more.
        """
        ends_at_s = time.monotonic() + for_s
        due = self.dice.sample(kinds, len(kinds))
        async with asyncio.TaskGroup() as group:
            while time.monotonic() < ends_at_s + (MORE_S if set(kinds) - self.hit.keys() else 0):
                await asyncio.sleep(self.dice.uniform(0.4, 1.6) * every_s)
                kind = due.pop() if due else self.dice.choices(kinds, [DEEDS[kind][0] for kind in kinds])[0]
                group.create_task(self._do(kind, due))

    async def _do(self, kind: str, due: list[str]) -> None:
        self.tried[kind] += 1
        if await DEEDS[kind][1](self):
            self.hit[kind] += 1
        elif not self.hit[kind]:
            due.insert(0, kind)


async def _kill_api(mischief: Mischief) -> int:
    return await mischief.stack.kill(mischief.dice.choice(APIS))


async def _kill_worker(mischief: Mischief) -> int:
    return await mischief.stack.kill(mischief.dice.choice(WORKERS))


async def _kill_postgres(mischief: Mischief) -> int:
    return await mischief.stack.kill("postgresql")


async def _wipe_valkey(mischief: Mischief) -> int:
    return await mischief.stack.wipe_valkey()


async def _freeze_worker(mischief: Mischief) -> int:
    return await mischief.stack.freeze(mischief.dice.choice(WORKERS), for_s=mischief.stack.lease_s + mischief.dice.uniform(0.5, 2))


async def _freeze_api(mischief: Mischief) -> int:
    return await mischief.stack.freeze(mischief.dice.choice(APIS), for_s=mischief.dice.uniform(0.5, 3))


def _cut(wire: str) -> Deed:
    return lambda mischief: mischief.link(wire).cut()


def _half_close(wire: str) -> Deed:
    return lambda mischief: mischief.link(wire).half_close(towards_server=mischief.dice.random() < 0.5)


def _slow_down(wire: str) -> Deed:
    return lambda mischief: mischief.link(wire).slow_down(
        delay_s=mischief.dice.uniform(0.05, 0.8), for_s=mischief.dice.uniform(1, 4)
    )


def _black_hole(wire: str) -> Deed:
    return lambda mischief: mischief.link(wire).black_hole(for_s=mischief.dice.uniform(1, 5))


def _rob(wire: str, asked: bytes) -> Deed:
    return lambda mischief: mischief.link(wire).rob(asked)


DEEDS: dict[str, tuple[float, Deed]] = {
    "kill api": (8, _kill_api),
    "kill worker": (10, _kill_worker),
    "kill postgres": (4, _kill_postgres),
    "kill and wipe valkey": (4, _wipe_valkey),
    "freeze worker past its lease": (5, _freeze_worker),
    "freeze api": (3, _freeze_api),
    "cut client>api": (5, _cut("client>")),
    "cut >database": (6, _cut(">database")),
    "cut >provider": (6, _cut(">provider")),
    "cut >valkey": (3, _cut(">valkey")),
    "half close client>api": (3, _half_close("client>")),
    "half close >database": (4, _half_close(">database")),
    "half close >provider": (4, _half_close(">provider")),
    "slow client>api": (2, _slow_down("client>")),
    "slow >database": (4, _slow_down(">database")),
    "slow >provider": (4, _slow_down(">provider")),
    "slow >valkey": (2, _slow_down(">valkey")),
    "black hole >database": (3, _black_hole(">database")),
    "black hole >provider": (4, _black_hole(">provider")),
    "black hole >valkey": (2, _black_hole(">valkey")),
    "lost answer client>api": (8, _rob("client>", b"/generations/submit")),
    "lost answer >database, of a commit": (8, _rob(">database", b"COMMIT")),
    "lost answer >provider, of a submit": (8, _rob(">provider", b"POST /api/v3/")),
}
"""Every kind: how often it comes beside the others, and what is done; the result is 0 when it met nothing to take effect on."""
