"""The independent checker's rules for a shop in Telegram: each end is told, at most twice, and each payment is credited once.

A pure function over facts, beside tests/checker.py; it knows what a chat shows, and nothing of how the bot does it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.checker import FINAL, Verdict
from tests.facts import Facts
from tests.seen import Message
from tests.shop_facts import ShopFacts, is_failure, under

TIMES_MAX = 2
DOUBTS_MIN = 2
DOUBTS_WITHIN_S = 90.0
BLOW_LASTS_S = 10.0
"""A delivery is given up at its third start: the first two were in doubt, each by something of its own that happened then."""


@dataclass(frozen=True)
class _Shown:
    """What the chat shows of one generation."""

    pictures: list[Message]
    files: list[Message]
    failures: list[Message]

    @classmethod
    def of(cls, prompt: str, chat: list[Message]) -> "_Shown":
        shown = under(prompt, chat)
        return cls(
            [each for each in shown if each["photo"]],
            [each for each in shown if each["document"]],
            [each for each in shown if is_failure(each)],
        )


def judge(facts: Facts, shop: ShopFacts) -> Verdict:
    """Hold what was seen and paid against what was ordered."""
    counts: Counter[str] = Counter(transactions=len(shop.transactions))
    violations = [
        *(
            found
            for telegram_id, generation in _ordered_in_chat(facts)
            for found in _delivery(facts, shop, telegram_id, generation, counts)
        ),
        *_strange_pictures(facts, shop),
        *_payments(facts, shop),
        *([f"{shop.unconfirmed} updates were never confirmed by a bot"] if shop.unconfirmed else []),
    ]
    return Verdict(violations, counts)


def _ordered_in_chat(facts: Facts) -> Iterator[tuple[int, dict[str, Any]]]:
    for telegram_id, person in facts.people.items():
        for generation in person.generations:
            if "chat_id" in (generation["client_context"] or {}) and generation["status"] in FINAL - {"cancelled"}:
                yield telegram_id, generation


def _delivery(facts: Facts, shop: ShopFacts, telegram_id: int, generation: dict[str, Any], counts: Counter[str]) -> Iterator[str]:
    """An end is told whole, once or twice; or its user was not there; or nobody could know whether it had been told, twice."""
    name, is_completed = f"generation {generation['id']}", generation["status"] == "completed"
    shown = _Shown.of(generation["prompt"], shop.chats[telegram_id])
    pictures = max(1, len(facts.results.get(generation["id"], [])))
    counts["to be told"] += 1
    for what, seen, once in (
        ("its picture", shown.pictures, pictures),
        ("its file", shown.files, pictures),
        ("its failure", shown.failures, 1),
    ):
        if len(seen) > TIMES_MAX * once:
            yield f"{name}: {what} was sent {len(seen)} times"
    if is_completed and shown.failures:
        yield f"{name}: is completed, and its user was told that it failed"
    if not is_completed and (shown.pictures or shown.files):
        yield f"{name}: is {generation['status']}, and a picture of it was sent"
    is_told = len(shown.pictures) >= pictures and len(shown.files) >= pictures if is_completed else bool(shown.failures)
    if is_told:
        counts["told"] += 1
        counts["told twice"] += len(shown.pictures) > pictures or len(shown.failures) > 1
        return
    yield from _untold(shop, telegram_id, generation, counts)


def _untold(shop: ShopFacts, telegram_id: int, generation: dict[str, Any], counts: Counter[str]) -> Iterator[str]:
    name, ended_at = f"generation {generation['id']}", _at(generation["updated_at"])
    if generation["id"] in shop.claimable:
        yield f"{name}: is {generation['status']} and still waits to be told"
    elif generation["id"] in shop.delivered:
        yield f"{name}: is delivered, says the API, and its user does not see it"
    elif any(until > _at(generation["created_at"]) for _, until in shop.blocks.get(telegram_id, [])):
        counts["not told: blocked"] += 1
    else:
        doubts = sum(ended_at - BLOW_LASTS_S <= blow <= ended_at + DOUBTS_WITHIN_S for blow in shop.blows)
        doubts += sum(str(call["params"].get("chat_id")) == str(telegram_id) for call in shop.cut_calls)
        counts["not told: given up"] += 1
        if doubts < DOUBTS_MIN:
            yield f"{name}: is {generation['status']}, and its user was not told, with only {doubts} doubts about it"


def _strange_pictures(facts: Facts, shop: ShopFacts) -> Iterator[str]:
    """A picture hangs under the words that asked for it, and says them."""
    for telegram_id, chat in shop.chats.items():
        prompts = {generation["prompt"] for generation in facts.people[telegram_id].generations}
        asked = {each["message_id"]: each["text"] for each in chat if each["from"] == "user"}
        for each in chat:
            if each["from"] == "bot" and (each["photo"] or each["document"]):
                words = asked.get(each["reply_to"])
                if words not in prompts:
                    yield f"chat of {telegram_id}: message {each['message_id']} is a picture that nobody ordered"
                elif each["photo"] and words not in (each["caption"] or ""):
                    yield f"chat of {telegram_id}: message {each['message_id']} is a picture of other words than it hangs under"


def _payments(facts: Facts, shop: ShopFacts) -> Iterator[str]:
    """Each payment that Telegram took is one topup of its order, and each topup is a payment's."""
    topups: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for telegram_id, person in facts.people.items():
        for entry in person.statement:
            if entry["entry_type"] == "topup":
                topups[telegram_id, entry["reference_id"]].append(entry["amount"])
    for each in shop.transactions:
        who, due = each["user"]["id"], [shop.packages.get(each["amount"])]
        got = topups.pop((who, each["invoice_payload"]), [])
        if got != due:
            yield f"payment {each['id']} of {who}: {each['amount']} Stars were taken, credited were {got} where {due} was due"
    for (who, order), got in topups.items():
        yield f"wallet of {who}: {got} credited for order {order}, for which no Stars were taken"


def _at(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()
