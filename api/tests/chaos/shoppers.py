"""The people of a shop in Telegram in a chaos run: they write, tap, buy, block the bot and come back, with patience and a journal.

They are played through the Telegram simulator's control API, and see what a phone would show.
"""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.facts import Order
from tests.seen import Message, buttons, data_of, has
from tests.shop_facts import is_end_of

CREDITS = 6
SEES_WITHIN_S = 15.0
PICTURE_WITHIN_S = 30.0
TAP_S = 5.0
SIM_TIMEOUT_S = 20.0
AWAY_MIN_S, AWAY_MAX_S = 2.0, 10.0
BUYS, DROPS_UPDATE, BLOCKS, COMES_BACK = 0.15, 0.3, 0.06, 0.6
LANGUAGES = ("en", "ru", "uz")


@dataclass
class Shoppers:
    """A population. `blocks` holds for each person when the bot was blocked, from the first try on, and when no longer."""

    telegram: httpx2.AsyncClient
    dice: random.Random
    run: str
    pause_s: float
    orders: list[Order] = field(default_factory=list)
    blocks: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    deeds: Counter[str] = field(default_factory=Counter)
    people: list[int] = field(default_factory=list)
    ordered_at: dict[str, float] = field(default_factory=dict)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def arrive(self, count: int, give: Callable[[int, int], Awaitable[Any]]) -> None:
        """So many people; every other one is given credits besides the free picture."""
        for number in range(count):
            body = {"first_name": "Aziza", "language_code": LANGUAGES[number % len(LANGUAGES)]}
            self.people.append((await self.telegram.post("/users", json=body)).raise_for_status().json()["id"])
            if number % 2:
                await give(self.people[-1], CREDITS)

    async def live(self) -> None:
        """Everybody does something now and then, until `closing`; returns when all have put their phones down."""
        async with asyncio.TaskGroup() as group:
            for person in self.people:
                group.create_task(self._live(person))

    async def chats(self) -> dict[int, list[Message]]:
        """What stands in each chat."""
        return {
            person: (await self.telegram.get(f"/chats/{person}")).raise_for_status().json()["messages"] for person in self.people
        }

    async def untold(self) -> list[Order]:
        """The orders that were said to be accepted and whose end is not seen, by somebody who has not blocked the bot since."""
        chats = await self.chats()
        return [
            order
            for order in self.orders
            if order.is_told and not self._has_blocked_since(order) and not is_end_of(order.prompt, chats[order.telegram_id])
        ]

    def _has_blocked_since(self, order: Order) -> bool:
        return any(until > self.ordered_at[order.prompt] for _, until in self.blocks.get(order.telegram_id, []))

    async def _live(self, person: int) -> None:
        await self._rest(self.dice.uniform(0, self.pause_s))
        while not self.closing.is_set():
            if self.dice.random() < BUYS:
                await self._buy(person)
            else:
                await self._draw(person)
            if self.blocks.get(person) and not await self._come_back(person):
                return
            await self._rest(self.dice.uniform(0.5, 1.5) * self.pause_s)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return

    async def _draw(self, person: int) -> None:
        """Write what to draw, tap Draw once, and look at what comes of it."""
        prompt = f"{self.run} shop {next(self._numbers)}."
        written = await self._do(person, "text", text=prompt)
        menu = written and await self._sees(person, lambda each: has("menu|go")(each) and each["reply_to"] == written["message_id"])
        if not menu:
            self.deeds["no menu"] += 1
            return
        order = Order(f"menu {menu['message_id']}", person, prompt, is_open=True)
        self.orders.append(order)
        self.ordered_at[prompt] = time.time()
        answer = await self._do(person, "tap", message_id=menu["message_id"], data=data_of(menu, "menu|go"), wait_s=TAP_S)
        order.is_told = ((answer or {}).get("text") or "").startswith("✅")
        self.deeds["drawn" if order.is_told else "draws without an answer" if not (answer or {}).get("text") else "refused"] += 1
        if self.dice.random() < BLOCKS:
            await self._block(person)
        elif order.is_told:
            await self._sees(
                person, lambda each: each["reply_to"] == written["message_id"] and bool(each["document"]), PICTURE_WITHIN_S
            )

    async def _buy(self, person: int) -> None:
        """Open the till, tap a package, pay its invoice; the bot does not always hear of it."""
        asked = await self._do(person, "text", text="/buy")
        till = asked and await self._sees(person, lambda each: each["message_id"] > asked["message_id"] and has("buy:")(each))
        if not till:
            return
        data = self.dice.choice([each for each in buttons(till) if each.startswith("buy:")])
        await self._do(person, "tap", message_id=till["message_id"], data=data, wait_s=TAP_S)
        invoice = await self._sees(person, lambda each: each["message_id"] > till["message_id"] and bool(each["invoice"]))
        if not invoice:
            self.deeds["no invoice"] += 1
            return
        drops_update = self.dice.random() < DROPS_UPDATE
        paid = await self._do(person, "pay", message_id=invoice["message_id"], drop_update=drops_update)
        if (paid or {}).get("paid"):
            self.deeds["paid, and the bot not told" if drops_update else "paid"] += 1
        else:
            self.deeds["not paid"] += 1

    async def _block(self, person: int) -> None:
        since = time.time()
        self.blocks.setdefault(person, []).append((since, float("inf")))
        await self._insist(person, "block")
        self.deeds["blocked"] += 1

    async def _come_back(self, person: int) -> bool:
        """Unblock the bot after a while, or never."""
        since, until = self.blocks[person][-1]
        if until != float("inf"):
            return True
        if self.dice.random() > COMES_BACK:
            return False
        await self._rest(self.dice.uniform(AWAY_MIN_S, AWAY_MAX_S))
        await self._insist(person, "unblock")
        self.blocks[person][-1] = (since, time.time())
        self.deeds["came back"] += 1
        return True

    async def _sees(self, person: int, is_it: Callable[[Message], object], within_s: float = SEES_WITHIN_S) -> Message | None:
        """Wait for a message of the bot; None when it does not come. Telegram may be away meanwhile."""
        ends_at_s, version = time.monotonic() + within_s, -1
        while time.monotonic() < ends_at_s and not self.closing.is_set():
            chat = await self._ask("GET", f"/chats/{person}", params={"newer_than": version, "wait_s": 1 if version >= 0 else 0})
            if chat is None:
                await asyncio.sleep(0.3)
                continue
            version = chat["version"]
            found = [each for each in chat["messages"] if each["from"] == "bot" and not each["deleted"] and is_it(each)]
            if found:
                last: Message = found[-1]
                return last
        return None

    async def _insist(self, person: int, what: str) -> None:
        while await self._do(person, what) is None:
            await asyncio.sleep(0.3)

    async def _do(self, person: int, what: str, **body: Any) -> dict[str, Any] | None:
        return await self._ask("POST", f"/users/{person}/{what}", json=body)

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any] | None:
        """What Telegram's control API says; None when it says nothing, or that no phone can do that now."""
        try:
            answer = await self.telegram.request(method, path, timeout=SIM_TIMEOUT_S, **request)
            told: dict[str, Any] = answer.json()
        except (httpx2.TransportError, httpx2.DecodingError, json.JSONDecodeError):
            return None
        return told if answer.is_success else None
