"""The crash sweep: its table names what is there, it does not pass when it proved nothing, and a seeded slice of it is clean.

`make crash` plays all of it (seed: RASSOM_CRASH_SEED).
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from app.embedded import postgres, valkey
from tests.conftest import TEMPLATE
from tests.crash.__main__ import HITS_MIN, tell
from tests.crash.killing import resolve
from tests.crash.steps import STEPS, Edge, Step
from tests.crash.sweep import Report, Services, draw, points_of, sweep

SEED = int(os.environ.get("RASSOM_CRASH_SEED", "20261123"))
POINT = ("a step", Edge.BEFORE)


class TestSteps:
    @pytest.mark.parametrize("step", STEPS, ids=lambda step: step.label)
    def test_name_a_coroutine_of_the_product(self, step: Step) -> None:
        owner, name, function = resolve(step.target)
        assert getattr(owner, name) is function

    def test_have_labels_of_their_own(self) -> None:
        assert len({step.label for step in STEPS}) == len(STEPS)

    def test_make_enough_kills_when_each_point_is_played_three_times(self) -> None:
        assert 3 * len(points_of()) >= HITS_MIN

    def test_that_are_gone_are_refused(self) -> None:
        with pytest.raises(AttributeError):
            resolve("app.domain.generations.jobs:generate_no_more")


class TestDraw:
    def test_plays_each_point_so_often_in_both_modes(self) -> None:
        trips = draw(points_of(), 3, 1)
        assert set(Counter((trip.step, trip.edge) for trip in trips).values()) == {3}
        assert {trip.is_sync for trip in trips if trip.step.is_sync is None} == {True, False}

    def test_is_the_same_for_the_same_seed(self) -> None:
        assert draw(points_of(), 2, 7) == draw(points_of(), 2, 7)


class TestVerdict:
    def test_is_good_when_each_point_hit_and_nothing_is_wrong(self) -> None:
        assert tell(Report([POINT], Counter({POINT: 2})), 1, hits_min=2) == 0

    def test_is_bad_when_a_kill_never_fired(self) -> None:
        assert tell(Report([POINT, ("another step", Edge.AFTER)], Counter({POINT: 2})), 1, hits_min=2) == 1

    def test_is_bad_when_too_few_kills_hit(self) -> None:
        assert tell(Report([POINT], Counter({POINT: 1})), 1, hits_min=2) == 1

    def test_is_bad_when_anything_is_wrong(self) -> None:
        assert tell(Report([POINT], Counter({POINT: 2}), violations=["stuck"]), 1, hits_min=2) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="forks what is to die, and has the kernel end it with its parent")
class TestSlice:
    async def test_leaves_nothing_wrong(
        self, postgres_server: postgres.Postgres, valkey_server: valkey.Valkey, tmp_path: Path
    ) -> None:
        drawn = draw(points_of(), 1, SEED)
        trips = [next(trip for trip in drawn if trip.step.program == program) for program in ("api", "worker")]
        services = Services(postgres_server.dsn("postgres"), TEMPLATE, valkey_server.url, tmp_path)

        report = await sweep(services, trips, lanes=1)

        assert report.violations == []
        assert report.never_fired == []
