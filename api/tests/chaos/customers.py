"""The customers of a chaos run: an open loop of orders, each repeated with its key until it is answered, all of it journalled."""

import asyncio
import json
import random
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import httpx2

from tests.checker import FINAL
from tests.factories import BOT_KEY, NO_TLS, an_order, new_telegram_id
from tests.facts import Order

PATIENCE_S = 60.0
ANSWER_TIMEOUT_S = 8.0
PAUSE_MIN_S, PAUSE_MAX_S = 0.2, 6.0
CREDITS = 40
DOUBLE_TAPS = 0.05
MARKED = 0.06
_ACCEPTED, _OK, _CONFLICT, _TOO_MANY, _UNAVAILABLE = 202, 200, 409, 429, 503
MARKERS = (
    "submit_cut_after_accept", "submit_500_after_accept", "submit_garbage_after_accept", "submit_429 times=1", "poll_500 times=2",
    "poll_cut times=1", "sync_timeout_5004", "fail=1405", "empty_outputs", "stuck", "submit_cut_before_accept", "delay=4",
    "webhook_never", "webhook_duplicate", "status_timeout", "history_lag",
)  # fmt: skip
"""What the provider itself does wrong with a few of the orders."""


@dataclass
class Customers:
    """Many people who order pictures at both APIs, and follow the feed."""

    fronts: list[httpx2.AsyncClient]
    dice: random.Random
    run: str
    orders: list[Order] = field(default_factory=list)
    granted: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    followed: list[int] = field(default_factory=list)
    begun: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    nobody_free: int = 0
    _free: deque[int] = field(default_factory=deque)
    _waiting: dict[int, int] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def at(cls, addresses: list[str], dice: random.Random) -> AsyncIterator[Self]:
        """Customers of these APIs."""
        headers = {"Authorization": f"Bearer {BOT_KEY}"}
        limits = httpx2.Limits(max_connections=500, keepalive_expiry=5)
        fronts = [
            httpx2.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_TIMEOUT_S, limits=limits, verify=NO_TLS)
            for url in addresses
        ]
        try:
            yield cls(fronts, dice, f"run-{dice.getrandbits(32):08x}")
        finally:
            for front in fronts:
                await front.aclose()

    @property
    def accepted(self) -> int:
        """How many orders were accepted."""
        return sum(bool(order.accepted_ids) for order in self.orders)

    @property
    def running(self) -> set[int]:
        """The generations, accepted or only heard of, whose end was not told yet."""
        return ({order.accepted_ids[0] for order in self.orders if order.accepted_ids} | self.begun) - self.ended

    async def arrive(self, count: int) -> None:
        """So many people, each with credits and a free picture."""
        people = [new_telegram_id() for _ in range(count)]
        at_once = asyncio.Semaphore(8)

        async def enter(telegram_id: int) -> None:
            async with at_once:
                await self.top_up(telegram_id, CREDITS)

        await asyncio.gather(*map(enter, people))
        self._free.extend(people)

    async def top_up(self, telegram_id: int | None = None, amount: int = 1) -> None:
        """Give credits to somebody, once, however often that has to be said."""
        person = telegram_id or self.dice.choice(list(self.granted))
        key = {"Idempotency-Key": self._key()}
        body = {"telegram_id": person, "amount": amount, "reason": "chaos"}
        self.granted[person] += amount
        pauses = self._pauses()
        while (await self._ask("/admin/credits", body, key))[0] != _OK:
            await asyncio.sleep(next(pauses))

    async def order(self) -> None:
        """One order of one free person, with patience."""
        if not self._free:
            self.nobody_free += 1
            return
        person = self._free.popleft()
        marker = f" [sim:{self.dice.choice(MARKERS)}]" if self.dice.random() < MARKED else ""
        order = Order(self._key(), person, f"{self.run} {len(self.orders)}{marker}")
        self.orders.append(order)
        taps = 2 if self.dice.random() < DOUBLE_TAPS else 1
        await asyncio.gather(*(self._insist(order) for _ in range(taps)))
        if order.accepted_ids and order.accepted_ids[0] not in self.ended:
            self._waiting[order.accepted_ids[0]] = person
        else:
            self._free.append(person)

    async def follow(self) -> None:
        """The feed of all generations, from where it was lost, at whichever API answers. Runs until cancelled."""
        while True:
            for front in self.fronts:
                with suppress(httpx2.TransportError, httpx2.HTTPStatusError, TimeoutError):
                    await self._read_feed(front)
                await asyncio.sleep(0.1)

    async def _insist(self, order: Order) -> None:
        body, key = an_order(order.telegram_id, prompt=order.prompt), {"Idempotency-Key": order.key}
        is_unsure, pauses = False, self._pauses()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    # From the first byte on until an answer, it may have been accepted.
                    was_unsure, is_unsure = is_unsure, True
                    status, answer = await self._ask("/generations/submit", body, key)
                    if status == _ACCEPTED:
                        order.accepted_ids.append(int(answer["request"]["id"]))
                        return
                    if status in {_CONFLICT, 402} and answer.get("code") != "idempotency_in_flight":
                        order.is_open |= was_unsure
                        return
                    is_unsure = was_unsure or status not in {_UNAVAILABLE, _TOO_MANY, _CONFLICT}
                    await asyncio.sleep(next(pauses))
        order.is_open |= is_unsure

    async def _ask(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The status (0: no answer) and the body."""
        try:
            answer = await self.dice.choice(self.fronts).post(path, json=body, headers=headers)
            told = answer.json()
        except (httpx2.TransportError, httpx2.DecodingError, json.JSONDecodeError, ssl.SSLError) as error:
            self.answers[f"no answer: {type(error).__name__}"] += 1
            return 0, {}
        self.answers[f"{answer.status_code} {told.get('code', '')}".strip()] += 1
        return answer.status_code, told

    def _pauses(self) -> Iterator[float]:
        """Between one try and the next: growing, so that many who wait do not keep down what they wait for."""
        pause_s = PAUSE_MIN_S
        while True:
            yield pause_s * self.dice.uniform(0.5, 1.0)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _read_feed(self, front: httpx2.AsyncClient) -> None:
        headers = {"Last-Event-ID": str(self.followed[-1] if self.followed else 0)}
        timeout = httpx2.Timeout(ANSWER_TIMEOUT_S, read=20)
        async with front.stream("GET", "/events", headers=headers, timeout=timeout) as stream:
            number = 0
            async for line in stream.raise_for_status().aiter_lines():
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                elif line.startswith("data: "):
                    self._hear(number, json.loads(line.removeprefix("data: ")))

    def _hear(self, number: int, told: dict[str, Any]) -> None:
        self.followed.append(number)
        self.begun.add(told["id"])
        if told["status"] in FINAL:
            self.ended.add(told["id"])
            if (person := self._waiting.pop(told["id"], None)) is not None:
                self._free.append(person)

    def _key(self) -> str:
        return str(UUID(int=self.dice.getrandbits(128)))
