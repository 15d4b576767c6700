"""The checker of the shop finds each lie that is planted into an honest run's facts, and nothing in the honest run itself."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.facts import Facts, Person
from tests.seen import Message
from tests.shop_checker import judge
from tests.shop_facts import ShopFacts

ANN, BOB, EVE = 1001, 1002, 1003
ENDED_AT = 1_700_000_000.0
STARS, CREDITS = 100, 10
Lie = Callable[[Facts, ShopFacts], Any]


def a_generation(number: int, status: str) -> dict[str, Any]:
    return {
        "id": number, "prompt": f"prompt {number}.", "status": status, "client_context": {"chat_id": 1, "message_id": 2},
        "created_at": "2023-11-14T22:13:10Z", "updated_at": "2023-11-14T22:13:20Z",
    }  # fmt: skip


def a_message(number: int, who: str, **more: Any) -> Message:
    empty = {"text": None, "caption": None, "photo": None, "document": None, "reply_markup": None, "reply_to": None}
    return {"message_id": number, "from": who, "edits": 0, "deleted": False} | empty | more


def asked(number: int, generation: int) -> list[Message]:
    """The words of an order, and the menu that has become its status."""
    return [
        a_message(number, "user", text=f"prompt {generation}."),
        a_message(number + 1, "bot", text="✅ Ready", reply_to=number, edits=2),
    ]


def sent(number: int, generation: int, under: int) -> list[Message]:
    return [
        a_message(number, "bot", photo=["p"], caption=f"#model\nprompt {generation}.\n4 s", reply_to=under),
        a_message(number + 1, "bot", document={"file_id": "d"}, reply_to=under),
    ]


def failed(number: int, under: int) -> Message:
    return a_message(number, "bot", text="No picture. Nothing was charged.", reply_to=under)


def a_payment(who: int, order: str) -> dict[str, Any]:
    return {"id": f"charge of {order}", "amount": STARS, "user": {"id": who}, "invoice_payload": order, "is_refund": False}


def a_topup(order: str) -> dict[str, Any]:
    return {"id": 1, "entry_type": "topup", "amount": CREDITS, "balance_after": CREDITS, "reference_id": order}


@pytest.fixture
def facts() -> Facts:
    """Ann paid twice, got two pictures, one of them twice, and one failure; Bob blocked the bot; Eve's picture was given up."""
    ann = Person(2 * CREDITS, 0, 0, 1, [a_topup("o1"), a_topup("o2")], [a_generation(n, s) for n, s in ANNS.items()])
    bob = Person(0, 0, 1, 1, [], [a_generation(4, "completed")])
    eve = Person(0, 0, 1, 1, [], [a_generation(5, "completed"), a_generation(6, "cancelled")])
    return Facts([], {}, {ANN: ann, BOB: bob, EVE: eve}, {1: ["u"], 2: ["u"], 4: ["u"], 5: ["u"]}, [], [], [])


ANNS = {1: "completed", 2: "completed", 3: "failed"}


@pytest.fixture
def shop() -> ShopFacts:
    ann = [
        *asked(10, 1), *sent(12, 1, under=10), *asked(20, 2), *sent(22, 2, under=20), *sent(24, 2, under=20), *asked(30, 3),
        a_message(32, "bot", reply_to=30, reply_markup={"inline_keyboard": [[{"text": "Draw", "callback_data": "menu|go"}]]}),
        failed(33, under=30),
    ]  # fmt: skip
    return ShopFacts(
        chats={ANN: ann, BOB: asked(40, 4), EVE: asked(50, 5)},
        transactions=[a_payment(ANN, "o1"), a_payment(ANN, "o2")],
        packages={STARS: CREDITS},
        delivered={1, 2, 3},
        claimable=set(),
        unconfirmed=0,
        blocks={BOB: [(ENDED_AT - 1, float("inf"))]},
        blows=[ENDED_AT + 1, ENDED_AT - 900, ENDED_AT + 900],
        cut_calls=[{"method": "sendPhoto", "params": {"chat_id": str(EVE)}}],
    )


def message(shop: ShopFacts, number: int) -> Message:
    return next(each for each in shop.chats[ANN] if each["message_id"] == number)


def drop(shop: ShopFacts, *numbers: int) -> None:
    shop.chats[ANN] = [each for each in shop.chats[ANN] if each["message_id"] not in numbers]


def sent_three_times(_: Facts, shop: ShopFacts) -> None:
    shop.chats[ANN] += sent(60, 2, under=20)


def told_of_a_failure_three_times(_: Facts, shop: ShopFacts) -> None:
    shop.chats[ANN] += [failed(60, under=30), failed(61, under=30)]


def given_up_for_nothing(_: Facts, shop: ShopFacts) -> None:
    shop.cut_calls.clear()


def never_told_and_nobody_did_anything(_: Facts, shop: ShopFacts) -> None:
    drop(shop, 33)
    shop.delivered.discard(3)


def was_away_long_before(_: Facts, shop: ShopFacts) -> None:
    shop.blocks[BOB] = [(ENDED_AT - 500, ENDED_AT - 400)]


def credited_to_somebody_else(facts: Facts, _: ShopFacts) -> None:
    facts.people[BOB].statement.append(facts.people[ANN].statement.pop())


LIES: list[tuple[str, Lie]] = [
    ("generation 2: its picture was sent 3 times", sent_three_times),
    ("generation 2: its file was sent 3 times", sent_three_times),
    ("generation 3: its failure was sent 3 times", told_of_a_failure_three_times),
    ("is completed, and its user was told that it failed", lambda _, shop: shop.chats[ANN].append(failed(60, under=10))),
    ("is failed, and a picture of it was sent", lambda _, shop: shop.chats[ANN].extend(sent(60, 3, under=30))),
    ("generation 1: is delivered, says the API, and its user does not see it", lambda _, shop: drop(shop, 12)),
    ("generation 1: is delivered, says the API, and its user does not see it", lambda _, shop: drop(shop, 13)),
    ("generation 3: is delivered, says the API, and its user does not see it", lambda _, shop: drop(shop, 33)),
    (
        "generation 1: is delivered, says the API, and its user does not see it",
        lambda _, shop: message(shop, 12).update(deleted=True),
    ),
    ("generation 5: is completed and still waits to be told", lambda _, shop: shop.claimable.add(5)),
    ("generation 4: is completed and still waits to be told", lambda _, shop: shop.claimable.add(4)),
    ("generation 5: is completed, and its user was not told, with only 1 doubts", given_up_for_nothing),
    ("generation 3: is failed, and its user was not told, with only 1 doubts", never_told_and_nobody_did_anything),
    ("generation 4: is completed, and its user was not told, with only 1 doubts", was_away_long_before),
    ("message 12 is a picture that nobody ordered", lambda _, shop: message(shop, 12).update(reply_to=None)),
    ("message 12 is a picture of other words", lambda _, shop: message(shop, 12).update(caption="prompt 2.")),
    ("credited were [] where [10] was due", lambda facts, _: facts.people[ANN].statement.pop()),
    ("credited were [10, 10] where [10] was due", lambda facts, _: facts.people[ANN].statement.append(a_topup("o1"))),
    ("credited were [11] where [10] was due", lambda facts, _: facts.people[ANN].statement[0].update(amount=11)),
    ("credited were [] where [10] was due", credited_to_somebody_else),
    ("[10] credited for order o2, for which no Stars were taken", lambda _, shop: shop.transactions.pop()),
    ("3 updates were never confirmed", lambda _, shop: setattr(shop, "unconfirmed", 3)),
]


class TestJudge:
    def test_finds_nothing_in_an_honest_run(self, facts: Facts, shop: ShopFacts) -> None:
        assert judge(facts, shop).violations == []

    def test_counts_what_happened(self, facts: Facts, shop: ShopFacts) -> None:
        counts = judge(facts, shop).counts
        assert (counts["to be told"], counts["told"], counts["told twice"]) == (5, 3, 1)
        assert (counts["not told: blocked"], counts["not told: given up"], counts["transactions"]) == (1, 1, 2)

    @pytest.mark.parametrize(("finding", "lie"), LIES, ids=[f"{n} {finding}" for n, (finding, _) in enumerate(LIES)])
    def test_finds_that(self, facts: Facts, shop: ShopFacts, finding: str, lie: Lie) -> None:
        lie(facts, shop)
        assert [violation for violation in judge(facts, shop).violations if finding in violation] != []


class TestPaid:
    def test_is_what_the_packages_promise_each_person(self, shop: ShopFacts) -> None:
        assert shop.paid == {ANN: 2 * CREDITS}
