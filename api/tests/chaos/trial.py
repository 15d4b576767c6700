"""One chaos run: orders come in, parts are hurt, everything heals, and then it is judged from outside and by the audit."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.customers import Customers
from tests.chaos.mischief import DEEDS, Mischief
from tests.chaos.stack import Stack, running_stack
from tests.checker import Verdict, judge
from tests.facts import Facts, collect

HEAL_S = 120.0
PROGRESS_S = 15.0
QUIET_S = 1.0


@dataclass(frozen=True)
class Plan:
    """How long, how many orders a second, which kinds of faults and how often."""

    seed: int
    seconds: float
    rate: float
    fault_every_s: float
    people: int
    deadline_s: float = 45.0
    lease_s: float = 4.0
    kinds: Sequence[str] = tuple(DEEDS)


@dataclass
class Report:
    """What came of it. `findings` is empty when every promise was kept."""

    plan: Plan
    verdict: Verdict
    hit: Counter[str]
    tried: Counter[str]
    answers: Counter[str]
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
    async with running_stack(home, deadline_s=plan.deadline_s, lease_s=plan.lease_s) as stack:
        say(f"everything runs after {time.monotonic() - started_s:.1f} s")
        async with Customers.at(stack.fronts, dice) as customers, asyncio.TaskGroup() as group:
            mischief = Mischief(stack, random.Random(plan.seed + 1))  # noqa: S311 - the same faults, however the orders go
            await customers.arrive(plan.people)
            following = group.create_task(customers.follow())
            telling = group.create_task(_tell(stack, customers, mischief, say))
            late = await _trouble(plan, customers, mischief)
            say("the faults are over")
            healed_s = await _heal(stack, customers)
            for task in (following, telling):
                task.cancel()
            facts = await _facts(stack, customers)
        stack.note_cpu()
        audit = await asyncio.to_thread(stack.audit)
        strikes = sum("[sim:" in task["input"]["prompt"] for task in facts.tasks)
        report = Report(
            plan, judge(facts), mischief.hit, mischief.tried, customers.answers, stack.cpu_s, healed_s, len(customers.running),
            customers.nobody_free, late, strikes,
        )  # fmt: skip
        report.findings += [*report.verdict.violations, *_shortcomings(plan, report)]
        if audit.returncode:
            report.findings.append(f"rassom audit: {audit.stdout}{audit.stderr}")
        return report


async def _trouble(plan: Plan, customers: Customers, mischief: Mischief) -> int:
    """Orders at their rate, whatever becomes of the ones before, and faults meanwhile; returns how many orders came late."""
    late = 0
    async with asyncio.TaskGroup() as group:
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
    return late


async def _heal(stack: Stack, customers: Customers) -> float:
    """Wait until every accepted generation has ended, at most as long as is promised; returns how long that took."""
    began_s = time.monotonic()
    await stack.wait_until_whole()
    while time.monotonic() - began_s < HEAL_S:
        await asyncio.sleep(QUIET_S)  # the feed may still be on its way
        if not customers.running:
            break
    return time.monotonic() - began_s


async def _facts(stack: Stack, customers: Customers) -> Facts:
    async with stack.client() as client, stack.control() as control:
        return await collect(
            client, control, customers.orders, dict(customers.granted), marker=customers.run, followed=customers.followed
        )


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


async def _tell(stack: Stack, customers: Customers, mischief: Mischief, say: Callable[[str], None]) -> None:
    began_s, ticks = time.monotonic(), 0
    while True:
        await asyncio.sleep(1)
        ticks += 1
        await asyncio.to_thread(stack.note_cpu)
        if ticks % PROGRESS_S == 0:
            say(
                f"{time.monotonic() - began_s:4.0f} s  {len(customers.orders)} orders, {customers.accepted} accepted,"
                f" {len(customers.running)} running, {mischief.hit.total()} of {sum(mischief.tried.values())} faults hit"
            )
