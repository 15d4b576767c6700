"""The independent checker: judges a run by what the API and the provider say, and never looks into the database.

Whoever orders keeps a journal (facts.Order: what was sent, what was answered); `facts.collect` asks the API and the simulator for
everything else; `judge` is a pure function over both. It knows the contract and nothing of how it is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.facts import Facts, Person

FINAL = frozenset({"completed", "failed", "cancelled"})
MONEY_IN = frozenset({"grant", "adjustment", "topup", "refund"})
NEXT: dict[str | None, set[str]] = {
    None: {"queued"},
    "queued": {"running", "failed", "cancelled"},
    "running": {"queued", "completed", "failed"},
    **{status: set() for status in FINAL},
}
"""Which status may follow which. Back to `queued` leads a definite refusal."""
REFUSED = frozenset({400, 429})
"""What a submit is answered that was surely not taken and may be sent again: too many, or an empty account."""


@dataclass(frozen=True)
class Verdict:
    """What was found wrong, one sentence each, and the figures."""

    violations: list[str]
    counts: Counter[str]


def judge(facts: Facts) -> Verdict:
    """Hold the facts against the promises."""
    violations = [
        *_orders(facts),
        *_ends(facts),
        *_tasks(facts),
        *(found for telegram_id, person in facts.people.items() for found in _wallet(facts, telegram_id, person)),
        *(found for telegram_id, person in facts.people.items() for found in _charges(telegram_id, person)),
        *_feed(facts),
    ]
    return Verdict(violations, _counts(facts))


def _counts(facts: Facts) -> Counter[str]:
    generations = list(_generations(facts))
    ended = Counter(each["status"] for each in generations)
    codes = Counter(f"failed: {each['error_code']}" for each in generations if each["status"] == "failed")
    completed = {each["prompt"] for each in generations if each["status"] == "completed"}
    return Counter(
        orders=len(facts.orders),
        accepted=sum(bool(order.accepted_ids) or order.is_told for order in facts.orders),
        repeated_answers=sum(max(0, len(order.accepted_ids) - 1) for order in facts.orders),
        generations=len(generations),
        not_final=sum(each["status"] not in FINAL for each in generations),
        tasks=len(facts.tasks),
        orphans=sum(_prompt(task) not in completed for task in facts.tasks if task["status"] == "completed"),
        posts=len(facts.posts),
        events=len(facts.feed),
        **ended,
        **codes,
    )


def _orders(facts: Facts) -> Iterator[str]:
    """Each accepted order exists once, each refused one not at all, and nothing exists that nobody ordered."""
    made: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for telegram_id, person in facts.people.items():
        for generation in person.generations:
            made[telegram_id, generation["prompt"]].append(generation["id"])
    for order in facts.orders:
        found = made.pop((order.telegram_id, order.prompt), [])
        name = f"order {order.key} of {order.telegram_id}"
        if len(set(order.accepted_ids)) > 1:
            yield f"{name}: its repeats were answered with different generations {sorted(set(order.accepted_ids))}"
        if len(found) > 1:
            yield f"{name}: exists {len(found)} times, as {found}"
        if order.accepted_ids and order.accepted_ids[0] not in found:
            yield f"{name}: accepted as {order.accepted_ids[0]}, and is not in its owner's history"
        if order.is_told and not found:
            yield f"{name}: was said to be accepted, and is not in its owner's history"
        if found and not order.accepted_ids and not order.is_open:
            yield f"{name}: was refused, and exists as {found}"
    for (telegram_id, prompt), found in made.items():
        yield f"generations {found} of {telegram_id}: nobody ordered {prompt!r}"


def _ends(facts: Facts) -> Iterator[str]:
    """Every generation has ended, and has pictures of its own task exactly when it completed."""
    tasks = {task["id"]: task for task in facts.tasks}
    for generation in _generations(facts):
        name, status = f"generation {generation['id']}", generation["status"]
        urls = facts.results.get(generation["id"], [])
        if status not in FINAL:
            yield f"{name}: is {status} and not final"
        if status != "completed" and urls:
            yield f"{name}: is {status} and has pictures"
        if status == "completed" and not urls:
            yield f"{name}: completed without a picture"
        for url in urls:
            made_by = [tasks[part] for part in url.split("/") if part in tasks]
            if not made_by:
                yield f"{name}: its picture {url} is of no task at the provider"
            elif _prompt(made_by[0]) != generation["prompt"]:
                yield f"{name}: its picture {url} was made for {_prompt(made_by[0])!r}"
            elif made_by[0]["status"] != "completed":
                yield f"{name}: its picture {url} is of a task that is {made_by[0]['status']}"


def _tasks(facts: Facts) -> Iterator[str]:
    """At most one task for an order; sent again only after a definite refusal; each task was posted."""
    ordered = {order.prompt for order in facts.orders}
    for prompt, count in Counter(_prompt(task) for task in facts.tasks).items():
        if count > 1:
            yield f"prompt {prompt!r}: the provider accepted {count} tasks"
        if prompt not in ordered:
            yield f"prompt {prompt!r}: the provider has a task that nobody ordered"
    for prompt, statuses in repeated_posts(facts).items():
        yield f"prompt {prompt!r}: posted again although the answers were {statuses}"
    posted = {post["body"]["prompt"] for post in facts.posts}
    if missing := [task["id"] for task in facts.tasks if _prompt(task) not in posted]:
        yield f"the provider's log is not whole: {len(missing)} tasks were never posted, such as {missing[0]}"


def repeated_posts(facts: Facts) -> dict[str, list[int | None]]:
    """The prompts that were sent again although an earlier answer was no refusal, and those answers (None: none)."""
    answers: defaultdict[str, list[int | None]] = defaultdict(list)
    for post in facts.posts:
        answers[post["body"]["prompt"]].append(post["status"])
    found = {prompt: [status for status in statuses[:-1] if status not in REFUSED] for prompt, statuses in answers.items()}
    return {prompt: statuses for prompt, statuses in found.items() if statuses}


def _wallet(facts: Facts, telegram_id: int, person: Person) -> Iterator[str]:
    """The statement adds up, never below zero; the balance is what was given less what was charged."""
    name, balance = f"wallet of {telegram_id}", 0
    for entry in person.statement:
        balance += entry["amount"]
        if entry["balance_after"] != balance:
            yield f"{name}: entry {entry['id']} says {entry['balance_after']} where its entries add up to {balance}"
        if entry["balance_after"] < 0:
            yield f"{name}: entry {entry['id']} leaves {entry['balance_after']}"
    given = sum(entry["amount"] for entry in person.statement if entry["entry_type"] in MONEY_IN)
    if given != facts.granted.get(telegram_id, 0):
        yield f"{name}: was given {facts.granted.get(telegram_id, 0)}, its statement says {given}"
    completed = [generation for generation in person.generations if generation["status"] == "completed"]
    taken = sum(generation["cost"] for generation in completed if not generation["trial_used"])
    if person.balance != given - taken:
        yield f"{name}: has {person.balance} where {given} given - {taken} charged = {given - taken}"
    if person.held:
        yield f"{name}: {person.held} are still held"
    free = sum(generation["trial_used"] for generation in completed)
    if person.trial_used != free or free > person.trial_limit:
        yield f"trial of {telegram_id}: {person.trial_used} used of {person.trial_limit}, {free} free generations completed"


def _charges(telegram_id: int, person: Person) -> Iterator[str]:
    """Each generation moved what its end calls for, once, and nothing else moved."""
    by_reference: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for entry in person.statement:
        if entry["entry_type"] not in MONEY_IN:
            by_reference[entry["reference_id"] or ""].append((entry["entry_type"], entry["amount"]))
    for generation in person.generations:
        moved, due = by_reference.pop(generation["public_id"], []), _due(generation)
        if moved != due and generation["status"] in FINAL:
            yield f"generation {generation['id']}: is {generation['status']}, moved {moved} where {due} was due"
    for reference, moved in by_reference.items():
        yield f"wallet of {telegram_id}: {moved} belong to no generation of this person ({reference})"


def _due(generation: dict[str, Any]) -> list[tuple[str, int]]:
    if generation["trial_used"]:
        return []
    held = [("generation_hold", -generation["cost"])]
    return held if generation["status"] == "completed" else [*held, ("generation_release", generation["cost"])]


def _feed(facts: Facts) -> Iterator[str]:
    """Events without a gap; each generation from its first status to its last one; one at a time for each person."""
    last_event: int | None = None
    seen: dict[int, str] = {}
    active: dict[int, int] = {}
    for event in facts.feed:
        number, generation_id, status, owner = event["event"], event["id"], event["status"], event["telegram_id"]
        if last_event is not None and number != last_event + 1:
            yield f"feed: event {number} follows {last_event}"
        last_event = number
        before = seen.get(generation_id)
        if status not in NEXT[before]:
            yield f"feed: generation {generation_id} went from {before} to {status}"
        seen[generation_id] = status
        if status in FINAL:
            active.pop(owner, None)
        elif active.setdefault(owner, generation_id) != generation_id:
            yield f"feed: {owner} had generations {active[owner]} and {generation_id} at once"
    for generation in _generations(facts):
        if seen.get(generation["id"]) != generation["status"]:
            yield f"feed: ends generation {generation['id']} as {seen.get(generation['id'])}, it is {generation['status']}"
    told = {event["event"] for event in facts.feed}
    if facts.followed and (missed := sorted(told - set(facts.followed))):
        yield f"feed: a client that followed it live missed {len(missed)} events, such as {missed[0]}"
    if extra := sorted(set(facts.followed) - told):
        yield f"feed: {len(extra)} events that a client saw are gone, such as {extra[0]}"


def _generations(facts: Facts) -> Iterator[dict[str, Any]]:
    for person in facts.people.values():
        yield from person.generations


def _prompt(task: dict[str, Any]) -> str:
    return str(task["input"]["prompt"])
