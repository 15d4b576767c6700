"""The sweep itself: every step and edge so many times, in several lanes at once, and what came of it."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.lane import Lane
from tests.crash.steps import STEPS, Edge, Step
from tests.crash.stories import Trip, play
from tests.factories import a_database

ROUNDS_PER_DATABASE = 8
Point = tuple[str, Edge]


@dataclass(frozen=True)
class Services:
    """What all lanes share: a PostgreSQL with a migrated database to copy, and a Valkey."""

    admin_dsn: str
    template: str
    redis_url: str
    folder: Path


@dataclass
class Report:
    """What came of a sweep: the kills that hit, those that never fired, and what was found wrong."""

    points: list[Point]
    hits: Counter[Point] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def never_fired(self) -> list[Point]:
        """The points whose kill has not hit once: a step that is no longer called proves nothing."""
        return [point for point in self.points if not self.hits[point]]

    def table(self) -> str:
        """Each label with its hits at each edge."""
        lines = [f"{'step':32}" + "".join(f"{edge:>20}" for edge in Edge)]
        for label in dict.fromkeys(label for label, _ in self.points):
            cells = (f"{self.hits[label, edge] if (label, edge) in self.points else '':>20}" for edge in Edge)
            lines.append(f"{label:32}" + "".join(cells))
        return "\n".join(lines)


def points_of(steps: Sequence[Step] = STEPS) -> list[tuple[Step, Edge]]:
    """Every place to die at."""
    return [(step, edge) for step in steps for edge in step.edges]


def draw(points: Sequence[tuple[Step, Edge]], repeats: int, seed: int) -> list[Trip]:
    """The rounds in the order in which they are played: each point `repeats` times, in both modes, at one call or another."""
    rng = random.Random(seed)  # noqa: S311 - to be drawn again, no secret
    trips = [
        Trip(step, edge, rng.randint(1, step.calls), is_sync if step.is_sync is None else step.is_sync)
        for step, edge in points
        for is_sync in itertools.islice(itertools.cycle(rng.sample([True, False], 2)), repeats)
    ]
    rng.shuffle(trips)
    return trips


async def sweep(services: Services, trips: list[Trip], *, lanes: int, say_progress: bool = False) -> Report:
    """Play the rounds; every batch of them has a database of its own, which is checked at its end."""
    started_s = time.monotonic()
    report = Report(list(dict.fromkeys((trip.step.label, trip.edge) for trip in trips)))
    batches = iter(enumerate(_batches(trips, max(1, min(ROUNDS_PER_DATABASE, len(trips) // lanes)))))

    async def work(lane_no: int) -> None:
        for number, batch in batches:
            await _play_batch(services, batch, report, f"{lane_no}-{number}", redis_no=lane_no)
            if say_progress:
                took_s = time.monotonic() - started_s
                print(f"{took_s:6.0f} s  {report.hits.total():4} kills, {len(report.violations)} violations", flush=True)  # noqa: T201

    async with asyncio.TaskGroup() as group:
        for lane_no in range(lanes):
            group.create_task(work(lane_no))
    report.took_s = time.monotonic() - started_s
    return report


def _batches(trips: list[Trip], size: int) -> Iterator[list[Trip]]:
    for begin in range(0, len(trips), size):
        yield trips[begin : begin + size]


async def _play_batch(services: Services, batch: list[Trip], report: Report, name: str, *, redis_no: int) -> None:
    async with a_database(services.admin_dsn, services.template) as database_url:
        redis_url = f"{services.redis_url}?db={redis_no}"
        async with Lane.open(database_url, redis_url, services.folder / name) as lane:
            for trip in batch:
                if not await _played(lane, trip, report):
                    return  # the next rounds would only stumble over what is left of this one
            rounds = "; ".join(map(str, batch))
            report.violations += [f"after [{rounds}]: {found}" for found in await lane.check()]


async def _played(lane: Lane, trip: Trip, report: Report) -> bool:
    """Play one round and write down what came of it; whether it came to its end."""
    stumbles: list[str] = []
    try:
        if await play(lane, trip):
            report.hits[trip.step.label, trip.edge] += 1
        else:
            report.misses.append(str(trip))
    except* (AssertionError, TimeoutError) as errors:
        stumbles = [f"{trip}: {error or type(error).__name__}" for error in _flat(errors)]
    report.violations += stumbles or [f"{trip}: {found}" for found in await lane.audit()]
    return not stumbles


def _flat(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error
