"""The checker finds each lie that is planted into an honest run's facts, and nothing in the honest run itself."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.checker import judge
from tests.factories import Shop, new_telegram_id
from tests.facts import Facts, Order, Person, collect

ANN, BOB = 1001, 1002
Lie = Callable[[Facts], Any]


def an_entry(number: int, kind: str, amount: int, balance_after: int, reference: str | None = None) -> dict[str, Any]:
    return {"id": number, "entry_type": kind, "amount": amount, "balance_after": balance_after, "reference_id": reference}


def a_generation(number: int, status: str, *, is_free: bool = False) -> dict[str, Any]:
    code = "no_image" if status == "failed" else None
    return {
        "id": number, "public_id": f"p{number}", "prompt": f"prompt {number}", "status": status, "error_code": code, "cost": 1,
        "trial_used": is_free,
    }  # fmt: skip


def a_task(number: int, status: str = "completed") -> dict[str, Any]:
    return {"id": f"task{number}", "status": status, "input": {"prompt": f"prompt {number}"}}


def a_post(number: int, status: int | None = 200) -> dict[str, Any]:
    return {"body": {"prompt": f"prompt {number}"}, "status": status, "prediction_id": f"task{number}" if status == 200 else None}


def events(*changes: tuple[int, int, str]) -> list[dict[str, Any]]:
    return [{"event": n, "telegram_id": who, "id": what, "status": to} for n, (who, what, to) in enumerate(changes, start=1)]


@pytest.fixture
def facts() -> Facts:
    """Ann bought two pictures and got one, which took two tries; Bob had his free one, and one refusal; nothing is wrong."""
    ann = Person(
        balance=9, held=0, trial_used=0, trial_limit=1,
        statement=[
            an_entry(1, "grant", 10, 10), an_entry(2, "generation_hold", -1, 9, "p1"), an_entry(3, "generation_hold", -1, 8, "p2"),
            an_entry(4, "generation_release", 1, 9, "p2"),
        ],
        generations=[a_generation(1, "completed"), a_generation(2, "failed")],
    )  # fmt: skip
    bob = Person(0, 0, 1, 1, statement=[], generations=[a_generation(3, "completed", is_free=True)])
    orders = [
        Order("k1", ANN, "prompt 1", [1, 1]), Order("k2", ANN, "prompt 2", [2]), Order("k3", BOB, "prompt 3", [3]),
        Order("k4", BOB, "prompt 4"), Order("k5", BOB, "prompt 5", is_open=True),
    ]  # fmt: skip
    return Facts(
        orders=orders,
        granted={ANN: 10},
        people={ANN: ann, BOB: bob},
        results={1: ["http://assets/predictions/task1/1.png"], 2: [], 3: ["http://assets/predictions/task3/1.png"]},
        feed=events(
            (ANN, 1, "queued"), (ANN, 1, "running"), (ANN, 1, "queued"), (BOB, 3, "queued"), (ANN, 1, "running"),
            (ANN, 1, "completed"), (BOB, 3, "running"), (ANN, 2, "queued"), (ANN, 2, "running"), (BOB, 3, "completed"),
            (ANN, 2, "failed"),
        ),
        tasks=[a_task(1), a_task(2, "failed"), a_task(3)],
        posts=[a_post(1, 429), a_post(1), a_post(2), a_post(3)],
        followed=list(range(1, 12)),
    )  # fmt: skip


def entry(facts: Facts, number: int) -> dict[str, Any]:
    return next(each for each in facts.people[ANN].statement if each["id"] == number)


def lost_post(facts: Facts) -> None:
    facts.posts[0]["status"] = None


def negative(facts: Facts) -> None:
    facts.people[BOB].statement.append(an_entry(9, "adjustment", -1, -1))


def unfinished(facts: Facts) -> None:
    facts.people[BOB].generations[0]["status"] = "running"


def overlapping(facts: Facts) -> None:
    facts.people[ANN].generations.append(a_generation(4, "completed", is_free=True))
    facts.feed += [{"event": 12, "telegram_id": ANN, "id": 5, "status": "queued"}]
    facts.feed += [{"event": 13, "telegram_id": ANN, "id": 6, "status": "queued"}]


def charged_without_a_picture(facts: Facts) -> None:
    del facts.people[ANN].statement[3]


def given_back_and_completed(facts: Facts) -> None:
    facts.people[ANN].statement.append(an_entry(5, "generation_release", 1, 10, "p1"))


def charged_twice(facts: Facts) -> None:
    facts.people[ANN].statement.append(an_entry(5, "generation_hold", -1, 8, "p1"))


LIES: list[tuple[str, Lie]] = [
    ("is not in its owner's history", lambda facts: facts.people[BOB].generations.clear()),
    ("exists 2 times", lambda facts: facts.people[ANN].generations.append(a_generation(4, "failed") | {"prompt": "prompt 1"})),
    ("answered with different generations", lambda facts: facts.orders[0].accepted_ids.append(7)),
    ("was refused, and exists", lambda facts: facts.orders[2].accepted_ids.clear()),
    ("was said to be accepted, and is not", lambda facts: setattr(facts.orders[4], "is_told", True)),
    ("nobody ordered 'prompt 3'", lambda facts: facts.orders.pop(2)),
    ("is running and not final", unfinished),
    ("completed without a picture", lambda facts: facts.results[1].clear()),
    ("is failed and has pictures", lambda facts: facts.results[2].append("http://assets/predictions/task2/1.png")),
    ("is of no task at the provider", lambda facts: facts.tasks.pop(0)),
    ("was made for 'prompt 3'", lambda facts: facts.results.update({1: facts.results[3]})),
    ("is of a task that is stuck", lambda facts: facts.tasks[0].update(status="stuck")),
    ("the provider accepted 2 tasks", lambda facts: facts.tasks.append(a_task(1) | {"id": "task9"})),
    ("has a task that nobody ordered", lambda facts: facts.tasks.append(a_task(8))),
    ("posted again although the answers were [None]", lost_post),
    ("log is not whole", lambda facts: facts.posts.pop()),
    ("where its entries add up to 9", lambda facts: entry(facts, 4).update(balance_after=10)),
    ("entry 9 leaves -1", negative),
    ("is failed, moved [('generation_hold', -1)]", charged_without_a_picture),
    ("('generation_release', 1)] where [('generation_hold', -1)] was due", given_back_and_completed),
    ("('generation_hold', -1)] where [('generation_hold', -1)] was due", charged_twice),
    ("is completed, moved [] where", lambda facts: facts.people[ANN].statement.pop(1)),
    ("belong to no generation", lambda facts: entry(facts, 2).update(reference_id="p9")),
    ("was given 11, its statement says 10", lambda facts: facts.granted.update({ANN: 11})),
    ("has 8 where 10 given - 1 charged = 9", lambda facts: setattr(facts.people[ANN], "balance", 8)),
    ("1 are still held", lambda facts: setattr(facts.people[ANN], "held", 1)),
    ("0 used of 1, 1 free generations completed", lambda facts: setattr(facts.people[BOB], "trial_used", 0)),
    ("event 3 follows 1", lambda facts: facts.feed.pop(1)),
    ("went from None to running", lambda facts: facts.feed.pop(0)),
    ("went from completed to completed", lambda facts: facts.feed.append(facts.feed[5] | {"event": 12})),
    ("ends generation 2 as running, it is failed", lambda facts: facts.feed.pop()),
    ("had generations 5 and 6 at once", overlapping),
    ("missed 1 events, such as 4", lambda facts: facts.followed.remove(4)),
    ("1 events that a client saw are gone", lambda facts: facts.followed.append(99)),
]  # fmt: skip


class TestJudge:
    def test_finds_nothing_in_an_honest_run(self, facts: Facts) -> None:
        assert judge(facts).violations == []

    def test_counts_what_happened(self, facts: Facts) -> None:
        counts = judge(facts).counts
        assert (counts["orders"], counts["accepted"], counts["completed"], counts["failed: no_image"]) == (5, 3, 2, 1)
        assert (counts["repeated_answers"], counts["posts"], counts["tasks"], counts["orphans"]) == (1, 4, 3, 0)

    @pytest.mark.parametrize(("finding", "lie"), LIES, ids=[finding for finding, _ in LIES])
    def test_finds_that(self, facts: Facts, finding: str, lie: Lie) -> None:
        lie(facts)
        assert [violation for violation in judge(facts).violations if finding in violation] != []


class TestCollect:
    async def test_sees_a_whole_run_as_it_was(self, busy_shop: Shop) -> None:
        rich, free = await busy_shop.rich_user(5), new_telegram_id()
        orders = []
        for person, what in ((rich, "one"), (free, "two"), (rich, "three [sim:fail=1405]"), (free, "four [sim:empty_outputs]")):
            prompt = f"seen {what}"
            generation = await busy_shop.order(person, prompt=prompt)
            await busy_shop.follow(generation, person)
            orders.append(Order(what, person, prompt, [generation["id"]]))
            if what == "two":
                await busy_shop.grant(free, 1)

        facts = await collect(busy_shop.http, busy_shop.control, orders, {rich: 5, free: 1}, marker="seen ")
        facts.people[rich].trial_used = 0  # written past the API, by the factory
        verdict = judge(facts)

        assert verdict.violations == []
        assert (verdict.counts["completed"], verdict.counts["failed"], verdict.counts["events"]) == (2, 2, 12)
