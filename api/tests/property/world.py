"""What a stateful property test runs in: real databases, one event loop, and a count of the steps that were really made.

hypothesis calls from outside of any loop, so each step is run to its end by `run`. Steps commit for real: only then are locks,
triggers and snapshots those of the shop. A database serves a few examples, so that the audit after each one stays short.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Self, TypeVar

import asyncpg
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from app.core.config import Settings
from app.core.logging import configure_logging
from app.domain.audit import queries as audit_queries
from app.embedded import postgres
from app.resources import Resources, open_resources
from tests.conftest import TEMPLATE
from tests.factories import a_database

SEED = int(os.environ.get("RASSOM_PROPERTY_SEED", "20261124"))
STEPS = int(os.environ.get("RASSOM_PROPERTY_STEPS", "200"))
STEPS_LONG = 5_000
STEPS_EACH = 40
EXAMPLES_EACH_ROUND = 6
EXAMPLES_EACH_DATABASE = 25

_T = TypeVar("_T")


class World:
    """The database of the current example, and two pairs of eyes on it. A context manager."""

    def __init__(self, server: postgres.Postgres, **values: Any) -> None:
        self.steps = 0
        self.examples = 0
        self.hits: Counter[str] = Counter()
        self._server = server
        self._values = values
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.resources: Resources
        self.eyes: asyncpg.Connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do it, to its end."""
        return self._runner.run(work)

    def begin(self) -> None:
        """Another example, now and then in a fresh database."""
        if self.examples % EXAMPLES_EACH_DATABASE == 0:
            self.run(self._renew())
        self.examples += 1

    async def broken(self, *ids: str) -> dict[str, list[str]]:
        """The invariants that do not hold, of these or of all, with examples."""
        return await broken_in(self.resources, *ids)

    async def _renew(self) -> None:
        await self._stack.aclose()
        dsn = await self._stack.enter_async_context(a_database(self._server.dsn("postgres"), TEMPLATE))
        given = Settings(_env_file=None, database_url=dsn, log_level="error", **self._values)
        configure_logging(given, program="tests")
        self.resources = await self._stack.enter_async_context(open_resources(given, program="tests"))
        self.eyes = await asyncpg.connect(dsn)
        self._stack.push_async_callback(self.eyes.close)


async def broken_in(resources: Resources, *ids: str) -> dict[str, list[str]]:
    """The invariants that do not hold now, of these or of all, with examples."""
    found = {}
    async with resources.transaction() as session:
        await audit_queries.begin_snapshot(session)
        for invariant in audit_queries.INVARIANTS:
            if not ids or invariant.id in ids:
                touched = await audit_queries.find_violations(session, invariant)
                found[invariant.id] = [example for one in touched for example in one.examples]
    return {name: examples for name, examples in found.items() if examples}


class Machine(RuleBasedStateMachine):
    """A state machine in the world that its test has made."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.world.begin()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """One step of the run."""
        self.world.steps += 1
        return self.world.run(work)


def prove(machine: type[Machine], world: World, name: str, *, wanted: frozenset[str]) -> None:
    """Run the machine until so many steps were made, by a seed that is printed, each round of examples by the next one.

    In a long run all that is `wanted` must have happened on the way: one in which nothing went wrong proves nothing.
    """
    machine.world = world
    given = settings(
        max_examples=EXAMPLES_EACH_ROUND,
        stateful_step_count=STEPS_EACH,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    started_s, rounds = time.monotonic(), 0
    while world.steps < STEPS:
        run_state_machine_as_test(seed(SEED + rounds)(type(machine.__name__, (machine,), {})), settings=given)
        rounds += 1
    took_s, seeds = time.monotonic() - started_s, f"{SEED}-{SEED + rounds - 1}"
    missed = wanted - set(world.hits)
    hits = ", ".join(f"{what} {times}" for what, times in sorted(world.hits.items()))
    print(f"{name}: {world.steps} steps in {world.examples} examples, seeds {seeds}, {took_s:.0f} s, 0 differences; {hits}")  # noqa: T201
    assert world.steps < STEPS_LONG or not missed, f"never happened: {missed}"
