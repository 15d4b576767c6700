"""Overload: three times as many orders as can be taken, for a minute; refusals must be polite, and the end of it quick."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator

from bench.client import ACCEPTED, Answer, Client, client_of
from bench.figures import percentile
from bench.load import closed_loop, open_loop
from bench.run import Run, Scenario, say

CLIENTS = 16
CAPACITY_SECONDS = 5
TIMES = 3
SECONDS = 60
CLIENT_TIMEOUT_S = 30
RECOVERY_S = 10
GIVE_UP_S = 60
PROBES = 5
NORMAL_FACTOR = 3
NEWCOMERS_FROM = 800_000_001
POLITE = frozenset({429, 503})


async def run(run: Run) -> None:
    """Everybody is new here and orders a free picture. First what can be taken, then three times that, then how soon it is over."""
    newcomers = itertools.count(NEWCOMERS_FROM)
    answers: Counter[str] = Counter()
    async with client_of(run.instance, timeout_s=CLIENT_TIMEOUT_S) as client:
        capacity = await closed_loop(lambda: client.submit(next(newcomers)), clients=CLIENTS, seconds=CAPACITY_SECONDS)
        normal_s = percentile(capacity.took_s, 50)
        per_second = TIMES * capacity.per_second
        say(f"          {capacity.per_second:.0f} orders/s can be taken; {per_second:.0f}/s for {SECONDS} s")

        async def order(_: int) -> None:
            answers[_kind(await client.submit(next(newcomers)))] += 1

        async with run.watching_memory():
            samples = await open_loop(order, per_second=per_second, seconds=SECONDS)
        recovered_s = samples.elapsed_s - SECONDS + await _recovery_s(client, newcomers, NORMAL_FACTOR * normal_s)
    say(f"          {dict(answers.most_common())}")
    run.details["answers"] = dict(answers)
    run.figure("capacity before", capacity.per_second, "/s")
    run.figure("taken under overload", answers["accepted"] / SECONDS, "/s", floor=capacity.per_second)
    run.figure(
        "neither taken nor politely refused", sum(answers.values()) - answers["accepted"] - answers["refused"], "", at_most=0
    )
    run.figure("refusal or answer, p99", percentile(samples.took_ms, 99), "ms")
    run.figure("back to normal after", recovered_s, "s", at_most=RECOVERY_S)


def _kind(answer: Answer) -> str:
    if answer.status == ACCEPTED:
        return "accepted"
    if answer.status in POLITE:
        return "refused" if answer.retry_after else f"{answer.status} without Retry-After"
    return str(answer.status) if answer.status else f"no answer: {answer.body.decode()}"


async def _recovery_s(client: Client, newcomers: Iterator[int], normal_s: float) -> float:
    """Seconds until PROBES orders in a row are taken in about their normal time."""
    began_s, good = time.monotonic(), 0
    while good < PROBES and time.monotonic() - began_s < GIVE_UP_S:
        sent_s = time.monotonic()
        answer = await client.submit(next(newcomers))
        is_good = answer.status == ACCEPTED and time.monotonic() - sent_s <= normal_s
        good = good + 1 if is_good else 0
        await asyncio.sleep(0.05)
    return time.monotonic() - began_s


SCENARIO = Scenario("overload", f"{TIMES}x overload for {SECONDS} s", run, seconds=90)
