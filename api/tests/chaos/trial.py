"""One chaos run: orders come in, parts are hurt, everything heals, and then it is judged from outside and by the audit."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import shop_checker, shop_facts
from tests.chaos.customers import Customers
from tests.chaos.mischief import DEEDS, Mischief
from tests.chaos.shop_mischief import SHOP_DEEDS
from tests.chaos.shoppers import Shoppers
from tests.chaos.stack import Stack, running_stack
from tests.chaos.wiring import BOTS
from tests.checker import Verdict, judge
from tests.facts import Facts, collect
from tests.shop_facts import ShopFacts

HEAL_S = 120.0
PROGRESS_S = 15.0
QUIET_S = 1.0
POSTPONED_S = 20.0
ALL_DEEDS = DEEDS | SHOP_DEEDS
HARMLESS = ("worker", "provider", "valkey", "client>", "slow", "429", "500")
"""Faults that leave nobody in doubt about a delivery that has begun."""


@dataclass(frozen=True)
class Plan:
    """How long, how many orders a second, which kinds of faults and how often."""

    seed: int
    seconds: float
    rate: float
    fault_every_s: float
    people: int
    shoppers: int = 0
    shopper_pause_s: float = 0.0
    deadline_s: float = 45.0
    lease_s: float = 4.0
    kinds: Sequence[str] = tuple(ALL_DEEDS)


@dataclass
class Report:
    """What came of it. `findings` is empty when every promise was kept."""

    plan: Plan
    verdict: Verdict
    shop: Verdict
    hit: Counter[str]
    tried: Counter[str]
    answers: Counter[str]
    deeds: Counter[str]
    cpu_s: Counter[str]
    healed_s: float
    stuck: int
    nobody_free: int
    late: int
    strikes: int
    findings: list[str] = field(default_factory=list)

    @property
    def hits(self) -> int:
        """How many faults took effect."""
        return self.hit.total()


async def run(plan: Plan, home: Path, say: Callable[[str], None]) -> Report:
    """Run it in `home`. Raises what keeps the parts from starting."""
    dice = random.Random(plan.seed)  # noqa: S311 - a seed to repeat it by
    started_s = time.monotonic()
    async with running_stack(home, deadline_s=plan.deadline_s, lease_s=plan.lease_s, is_shop=plan.shoppers > 0) as stack:
        say(f"everything runs after {time.monotonic() - started_s:.1f} s")
        async with Customers.at(stack.fronts, dice) as customers, stack.telegram() as telegram, asyncio.TaskGroup() as group:
            mischief = Mischief(stack, random.Random(plan.seed + 1), ALL_DEEDS)  # noqa: S311 - the same faults, however the orders go
            shoppers = Shoppers(telegram, random.Random(plan.seed + 2), customers.run, plan.shopper_pause_s)  # noqa: S311 - likewise
            await customers.arrive(plan.people)
            await shoppers.arrive(plan.shoppers, customers.top_up)
            following = group.create_task(customers.follow())
            telling = group.create_task(_tell(stack, customers, shoppers, mischief, say))
            late = await _trouble(plan, customers, shoppers, mischief)
            say("the faults are over")
            healed_s = await _heal(stack, customers, shoppers)
            for task in (following, telling):
                task.cancel()
            commands = [("payments", "reconcile"), ("audit",)] if stack.is_shop else [("audit",)]
            said = [await asyncio.to_thread(stack.rassom, *words) for words in commands]
            claimable = await _claim(stack) if stack.is_shop else set()
            facts = await _facts(stack, customers, shoppers)
            shop = await _shop_facts(stack, facts, shoppers, mischief, claimable) if stack.is_shop else None
        stack.note_cpu()
        strikes = sum("[sim:" in task["input"]["prompt"] for task in facts.tasks)
        told = shop_checker.judge(facts, shop) if shop else Verdict([], Counter())
        report = Report(
            plan, judge(facts), told, mischief.hit, mischief.tried, customers.answers, shoppers.deeds, stack.cpu_s, healed_s,
            len(customers.running), customers.nobody_free, late, strikes,
        )  # fmt: skip
        report.findings += [*report.verdict.violations, *report.shop.violations, *_shortcomings(plan, report)]
        for command in said:
            if command.returncode:
                report.findings.append(f"{' '.join(command.args[2:])}: {command.stdout}{command.stderr}")
        return report


async def _trouble(plan: Plan, customers: Customers, shoppers: Shoppers, mischief: Mischief) -> int:
    """Orders at their rate, whatever becomes of the ones before, and faults meanwhile; returns how many orders came late."""
    late = 0
    async with asyncio.TaskGroup() as group:
        group.create_task(shoppers.live())
        faults = group.create_task(mischief.go_on(plan.kinds, for_s=plan.seconds, every_s=plan.fault_every_s))
        began_s, numbers = time.monotonic(), itertools.count()
        while not faults.done():
            number = next(numbers)
            due_s = began_s + number / plan.rate
            late += time.monotonic() - due_s > 1
            await asyncio.sleep(max(0, due_s - time.monotonic()))
            group.create_task(customers.order())
            if number % 10 == 0:
                group.create_task(customers.top_up())
        shoppers.closing.set()
    return late


async def _heal(stack: Stack, customers: Customers, shoppers: Shoppers) -> float:
    """Wait until every accepted generation has ended and was told, at most as long as is promised; returns how long that took.

    What was given up is told to nobody: when nothing has changed for as long as a delivery can rest, nothing will.
    """
    began_s = time.monotonic()
    await stack.wait_until_whole()
    if stack.is_shop:
        (await shoppers.telegram.delete("/faults")).raise_for_status()
    rest_s = stack.delivery_lease_s + POSTPONED_S + QUIET_S
    changed_s, before = time.monotonic(), (-1, -1)
    while time.monotonic() - began_s < HEAL_S:
        await asyncio.sleep(QUIET_S)  # the feed may still be on its way
        left = len(customers.running), len(await shoppers.untold())
        if left != before:
            changed_s, before = time.monotonic(), left
        if not left[0] and (not left[1] or time.monotonic() - changed_s > rest_s):
            break
    return changed_s - began_s


async def _claim(stack: Stack) -> set[int]:
    """What is still to be told, when every bot has stood still for so long that nothing is in its hands."""
    async with stack.client() as client, asyncio.TaskGroup() as group:
        for bot in BOTS:
            group.create_task(stack.freeze(bot, for_s=stack.delivery_lease_s + 2 * QUIET_S))
        await asyncio.sleep(stack.delivery_lease_s + QUIET_S)
        return await shop_facts.claim_all(client)


async def _facts(stack: Stack, customers: Customers, shoppers: Shoppers) -> Facts:
    orders, granted = customers.orders + shoppers.orders, dict.fromkeys(shoppers.people, 0) | customers.granted
    async with stack.client() as client, stack.control() as control:
        return await collect(client, control, orders, granted, marker=customers.run, followed=customers.followed)


async def _shop_facts(stack: Stack, facts: Facts, shoppers: Shoppers, mischief: Mischief, claimable: set[int]) -> ShopFacts:
    """What the shop's people see and have paid; what they paid is what they were given besides."""
    await stack.note_cut_calls()
    async with stack.client() as client:
        shop = await shop_facts.collect(client, shoppers.telegram, facts, shoppers.people, claimable)
    for telegram_id, amount in shop.paid.items():
        facts.granted[telegram_id] += amount
    shop.blocks, shop.cut_calls = shoppers.blocks, stack.cut_calls
    shop.blows = [at for at, kind in mischief.blows if not any(word in kind for word in HARMLESS)]
    return shop


def _shortcomings(plan: Plan, report: Report) -> list[str]:
    errors = {answer: count for answer, count in report.answers.items() if answer.startswith(("500", "4")) and "409" not in answer}
    return [
        *([f"{report.stuck} generations were not told to have ended {HEAL_S:.0f} s after the last fault"] if report.stuck else []),
        *(
            f"the fault {kind!r} was tried {report.tried[kind]} times and never took effect"
            for kind in plan.kinds
            if not report.hit[kind]
        ),
        *(f"{count} answers {answer!r}" for answer, count in errors.items()),
    ]


async def _tell(stack: Stack, customers: Customers, shoppers: Shoppers, mischief: Mischief, say: Callable[[str], None]) -> None:
    began_s, ticks = time.monotonic(), 0
    while True:
        await asyncio.sleep(1)
        ticks += 1
        await asyncio.to_thread(stack.note_cpu)
        if ticks % PROGRESS_S == 0:
            say(
                f"{time.monotonic() - began_s:4.0f} s  {len(customers.orders)} orders, {customers.accepted} accepted,"
                f" {len(customers.running)} running, {shoppers.deeds['drawn']} drawn in the shop,"
                f" {mischief.hit.total()} of {sum(mischief.tried.values())} faults hit"
            )
