"""What is done to the parts of a chaos run, by the dice; and what of it took effect."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch

from tests.chaos.stack import Stack
from tests.chaos.wiring import PROGRAMS
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
    deeds: Mapping[str, tuple[float, Deed]]
    tried: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    blows: list[tuple[float, str]] = field(default_factory=list)
    """What took effect, and when it was begun."""

    def link(self, wire: str) -> Link:
        """One of the wires of this kind, such as `>database` or `bot-*>api`."""
        return self.dice.choice(self.links(wire))

    def links(self, wire: str) -> list[Link]:
        """All of them."""
        return [link for name, link in self.stack.links.items() if fnmatch(name, f"*{wire}*")]

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
                kind = due.pop() if due else self.dice.choices(kinds, [self.deeds[kind][0] for kind in kinds])[0]
                group.create_task(self._do(kind, due))

    async def _do(self, kind: str, due: list[str]) -> None:
        self.tried[kind] += 1
        began_at = time.time()
        if await self.deeds[kind][1](self):
            self.hit[kind] += 1
            self.blows += [(began_at, kind)]
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


def cut(wire: str) -> Deed:
    """Reset the connections of a wire of this kind."""
    return lambda mischief: mischief.link(wire).cut()


def half_close(wire: str) -> Deed:
    """End one direction of a wire of this kind."""
    return lambda mischief: mischief.link(wire).half_close(towards_server=mischief.dice.random() < 0.5)


def slow_down(wire: str) -> Deed:
    """Let what goes over a wire of this kind arrive later."""
    return lambda mischief: mischief.link(wire).slow_down(
        delay_s=mischief.dice.uniform(0.05, 0.8), for_s=mischief.dice.uniform(1, 4)
    )


def black_hole(wire: str) -> Deed:
    """Swallow what goes over a wire of this kind."""
    return lambda mischief: mischief.link(wire).black_hole(for_s=mischief.dice.uniform(1, 5))


def rob(wire: str, asked: bytes) -> Deed:
    """Let a request with these bytes arrive over a wire of this kind, and its answer not."""
    return lambda mischief: mischief.link(wire).rob(asked)


DEEDS: dict[str, tuple[float, Deed]] = {
    "kill api": (8, _kill_api),
    "kill worker": (10, _kill_worker),
    "kill postgres": (4, _kill_postgres),
    "kill and wipe valkey": (4, _wipe_valkey),
    "freeze worker past its lease": (5, _freeze_worker),
    "freeze api": (3, _freeze_api),
    "cut client>api": (5, cut("client>")),
    "cut >database": (6, cut(">database")),
    "cut >provider": (6, cut(">provider")),
    "cut >valkey": (3, cut(">valkey")),
    "half close client>api": (3, half_close("client>")),
    "half close >database": (4, half_close(">database")),
    "half close >provider": (4, half_close(">provider")),
    "slow client>api": (2, slow_down("client>")),
    "slow >database": (4, slow_down(">database")),
    "slow >provider": (4, slow_down(">provider")),
    "slow >valkey": (2, slow_down(">valkey")),
    "black hole >database": (3, black_hole(">database")),
    "black hole >provider": (4, black_hole(">provider")),
    "black hole >valkey": (2, black_hole(">valkey")),
    "lost answer client>api": (8, rob("client>", b"/generations/submit")),
    "lost answer >database, of a commit": (8, rob(">database", b"COMMIT")),
    "lost answer >provider, of a submit": (8, rob(">provider", b"POST /api/v3/")),
}
"""Every kind: how often it comes beside the others, and what is done; the result is 0 when it met nothing to take effect on."""
