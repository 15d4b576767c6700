"""Which task of the history belongs to which lost attempt: never another input, never one that is taken, and all there can be."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.generations.matching import CLOCK_SKEW, Lost, Sent, pair, windows_of
from app.provider.history import PastTask
from app.provider.wire import Task, TaskState

SEEDREAM = "bytedance/seedream-v4"
NANO = "google/nano-banana/text-to-image"
PRO = "google/nano-banana-pro/text-to-image"
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOOR = {"prompt": "a door"}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_lost(attempt_id: int, body: dict[str, Any] = DOOR, *, path: str = SEEDREAM, sent_s: float = 0, live: bool = True) -> Lost:
    return Lost(attempt_id, Sent(path, body, at(sent_s)), at(sent_s + 10), is_live=live)


def a_task(task_id: str, inputs: dict[str, Any] = DOOR, *, at_s: float = 1, model: str = SEEDREAM) -> PastTask:
    return PastTask(Task(task_id, TaskState.COMPLETED, "completed", ("https://x/1.png",), None, "", model), inputs, at(at_s))


def pairs(
    lost: list[Lost],
    tasks: list[PastTask],
    *,
    path: str = SEEDREAM,
    in_flight: tuple[Sent, ...] = (),
    taken: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> dict[int, str]:
    found = pair(lost, {path: tasks}, names={path: names}, in_flight=in_flight, taken=taken)
    return {one.attempt_id: one.past.task.id for one in found}


class TestInput:
    def test_is_exactly_what_was_sent(self) -> None:
        assert pairs([a_lost(1)], [a_task("t")]) == {1: "t"}

    @pytest.mark.parametrize(
        "echo",
        [
            {"enable_sync_mode": True},
            {"enable_sync_mode": False, "enable_base64_output": False, "size": "2048*2048"},
            {"images": [], "size": None},
        ],
    )
    def test_may_come_back_with_the_documented_defaults(self, echo: dict[str, Any]) -> None:
        assert pairs([a_lost(1)], [a_task("t", DOOR | echo)]) == {1: "t"}

    @pytest.mark.parametrize("output_format", ["png", "jpeg"])
    def test_of_a_model_may_come_back_with_that_model_s_defaults(self, output_format: str) -> None:
        task = a_task("t", DOOR | {"resolution": "1k", "output_format": output_format}, model=PRO)
        assert pairs([a_lost(1, path=PRO)], [task], path=PRO) == {1: "t"}

    @pytest.mark.parametrize(
        "inputs",
        [
            {"prompt": "a door "},
            DOOR | {"size": "1024*1024"},
            DOOR | {"enable_base64_output": True},
            DOOR | {"enable_base64_output": 0},
            DOOR | {"images": ["https://x/1.png"]},
            DOOR | {"seed": 1},
            DOOR | {"resolution": "1k"},
            {"size": "2048*2048"},
            {},
        ],
    )
    def test_with_anything_else_is_another_one(self, inputs: dict[str, Any]) -> None:
        assert pairs([a_lost(1)], [a_task("t", inputs)]) == {}

    def test_without_an_option_that_was_sent_is_another_one(self) -> None:
        assert pairs([a_lost(1, DOOR | {"size": "1024*1024"})], [a_task("t")]) == {}

    def test_of_another_order_of_references_is_another_one(self) -> None:
        sent, echoed = DOOR | {"images": ["a", "b"]}, DOOR | {"images": ["b", "a"]}
        assert pairs([a_lost(1, sent)], [a_task("t", echoed)]) == {}


class TestModel:
    @pytest.mark.parametrize("model", [NANO, "wavespeed-ai/seedream", ""])
    def test_of_another_or_no_name_is_nobodys(self, model: str) -> None:
        assert pairs([a_lost(1)], [a_task("t", model=model)]) == {}

    def test_may_bear_a_name_that_the_provider_answered_with_before(self) -> None:
        assert pairs([a_lost(1)], [a_task("t", model="byte/dream")], names=("byte/dream",)) == {1: "t"}


class TestTime:
    @pytest.mark.parametrize(("at_s", "is_its_own"), [(-61, False), (-59, True), (69, True), (71, False)])
    def test_is_between_sending_and_losing_give_or_take_a_minute(self, at_s: float, is_its_own: bool) -> None:
        assert pairs([a_lost(1)], [a_task("t", at_s=at_s)]) == ({1: "t"} if is_its_own else {})

    def test_windows_that_overlap_are_asked_for_once(self) -> None:
        lost = [a_lost(1), a_lost(2, sent_s=100), a_lost(3, sent_s=1000)]
        assert windows_of(lost) == [(at(-60), at(170)), (at(940), at(1070))]


class TestSeveral:
    def test_of_one_input_get_as_many_as_there_are_the_oldest_first(self) -> None:
        lost = [a_lost(3, sent_s=3), a_lost(1, sent_s=1), a_lost(2, sent_s=2)]
        assert pairs(lost, [a_task("later", at_s=9), a_task("sooner", at_s=8)]) == {1: "sooner", 2: "later"}

    def test_tasks_of_which_one_is_taken_share_the_rest(self) -> None:
        assert pairs([a_lost(1), a_lost(2)], [a_task("a"), a_task("b")], taken=("a",)) == {1: "b"}

    def test_tasks_that_a_page_shows_twice_are_one(self) -> None:
        assert pairs([a_lost(1), a_lost(2)], [a_task("a"), a_task("a")]) == {1: "a"}

    def test_a_failed_generation_gets_what_the_live_ones_leave(self) -> None:
        lost = [a_lost(1, live=False), a_lost(2, sent_s=5)]
        assert pairs(lost, [a_task("a")]) == {2: "a"}
        assert pairs(lost, [a_task("a"), a_task("b")]) == {2: "a", 1: "b"}


class TestInFlight:
    def test_an_attempt_of_the_same_input_keeps_its_task(self) -> None:
        assert pairs([a_lost(1)], [a_task("t", at_s=6)], in_flight=(Sent(SEEDREAM, DOOR, at(5)),)) == {}

    def test_an_attempt_that_was_sent_later_than_the_task_has_nothing_of_it(self) -> None:
        assert pairs([a_lost(1)], [a_task("t", at_s=6)], in_flight=(Sent(SEEDREAM, DOOR, at(70)),)) == {1: "t"}

    @pytest.mark.parametrize("other", [Sent(SEEDREAM, {"prompt": "a wall"}, START), Sent(NANO, DOOR, START)])
    def test_an_attempt_of_another_input_is_in_nobodys_way(self, other: Sent) -> None:
        assert pairs([a_lost(1)], [a_task("t")], in_flight=(other,)) == {1: "t"}


PROMPTS = st.sampled_from(["a door", "a wall", "[]"])
SIZES = st.sampled_from([None, "1024*1024", "2048*2048"])
BODIES = st.builds(lambda prompt, size: {"prompt": prompt} | ({"size": size} if size else {}), PROMPTS, SIZES)
SECONDS = st.integers(0, 300)


def essence(body: dict[str, Any]) -> tuple[str, str]:
    return body["prompt"], body.get("size") or "2048*2048"


@given(
    sent=st.lists(st.tuples(BODIES, SECONDS, st.booleans()), max_size=8),
    made=st.lists(st.tuples(BODIES, SECONDS), max_size=8),
    flying=st.lists(st.tuples(BODIES, SECONDS), max_size=2),
    taken=st.sets(st.integers(0, 7)),
)
def test_pairs_are_right_whatever_there_is(
    sent: list[tuple[dict[str, Any], int, bool]],
    made: list[tuple[dict[str, Any], int]],
    flying: list[tuple[dict[str, Any], int]],
    taken: set[int],
) -> None:
    lost = {number: a_lost(number, body, sent_s=sent_s, live=live) for number, (body, sent_s, live) in enumerate(sent)}
    tasks = {f"t{number}": a_task(f"t{number}", body, at_s=at_s) for number, (body, at_s) in enumerate(made)}
    in_flight = [Sent(SEEDREAM, body, at(sent_s)) for body, sent_s in flying]

    found = pair(
        list(lost.values()), {SEEDREAM: list(tasks.values())}, names={}, in_flight=in_flight, taken={f"t{n}" for n in taken}
    )

    assert len({one.attempt_id for one in found}) == len({one.past.task.id for one in found}) == len(found)
    left = Counter(essence(dict(task.inputs)) for task in tasks.values())
    asked = Counter(essence(dict(one.sent.body)) for one in lost.values())
    bound = Counter(essence(dict(one.past.inputs)) for one in found)
    assert all(bound[wanted] <= min(left[wanted], asked[wanted]) for wanted in bound)
    for one in found:
        mine, task = lost[one.attempt_id], one.past
        assert essence(dict(mine.sent.body)) == essence(dict(task.inputs))
        assert int(task.task.id[1:]) not in taken
        assert mine.sent.sent_at - CLOCK_SKEW <= task.created_at <= mine.lost_at + CLOCK_SKEW
        assert not any(
            essence(dict(other.body)) == essence(dict(task.inputs)) and task.created_at >= other.sent_at - CLOCK_SKEW
            for other in in_flight
        )


@given(sent=st.lists(st.tuples(SECONDS, st.booleans()), max_size=7), made=st.lists(SECONDS, max_size=7))
def test_no_live_attempt_is_left_that_could_have_had_a_task(sent: list[tuple[int, bool]], made: list[int]) -> None:
    lost = [a_lost(number, sent_s=sent_s, live=live) for number, (sent_s, live) in enumerate(sent)]
    tasks = [a_task(f"t{number}", at_s=at_s) for number, at_s in enumerate(made)]

    found = pairs(lost, tasks)

    for one in lost:
        for task in tasks:
            is_possible = one.sent.sent_at - CLOCK_SKEW <= task.created_at <= one.lost_at + CLOCK_SKEW
            assert not (is_possible and one.attempt_id not in found and task.task.id not in found.values())
