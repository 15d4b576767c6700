"""What the independent checker judges: a client's journal, and everything the API and the simulator say about it.

`collect` asks them over HTTP alone; nothing here knows the database.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2

PAGE = 100
AT_ONCE = 8
FEED_QUIET_S = 2.0
_NOT_FOUND = 404


@dataclass(slots=True)
class Order:
    """What a client sent (the prompt is this order's alone) and the ids of the 202 answers that it got, one for each repeat.

    `is_open`: an answer was lost and the last word is not known, so the generation may exist or not. `is_told`: somebody else
    ordered it for this client, and said that it was accepted.
    """

    key: str
    telegram_id: int
    prompt: str
    accepted_ids: list[int] = field(default_factory=list)
    is_open: bool = False
    is_told: bool = False


@dataclass(slots=True)
class Person:
    """What the API says of one customer. Statement and generations are in the order in which they happened."""

    balance: int
    held: int
    trial_used: int
    trial_limit: int
    statement: list[dict[str, Any]]
    generations: list[dict[str, Any]]


@dataclass(slots=True)
class Facts:
    """Everything that is judged. `granted` is what the client's journal says each person was given.

    `feed` holds `{"event": id, "id": generation, "telegram_id", "status"}`, `followed` the ids of those that a client saw live, if
    any did. `tasks` and `posts` are the simulator's predictions and its log of submits.
    """

    orders: list[Order]
    granted: dict[int, int]
    people: dict[int, Person]
    results: dict[int, list[str]]
    feed: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    posts: list[dict[str, Any]]
    followed: list[int] = field(default_factory=list)


async def collect(
    api: httpx2.AsyncClient,
    control: httpx2.AsyncClient,
    orders: list[Order],
    granted: dict[int, int],
    *,
    marker: str = "",
    followed: Iterable[int] = (),
) -> Facts:
    """Ask the API (base /api/v1, a key of scope bot) and the simulator (base /sim) for everything about these orders.

    `marker` is in the prompts of this run and in no other ones, where the provider has served others too.
    """
    at_once = asyncio.Semaphore(AT_ONCE)
    results: dict[int, list[str]] = {}

    async def ask(telegram_id: int) -> Person:
        async with at_once:
            person = await _person(api, telegram_id)
            for generation in person.generations:
                answer = await api.get(f"/generations/{generation['id']}/results", params={"telegram_id": telegram_id})
                results[generation["id"]] = answer.raise_for_status().json()
            return person

    ids = sorted({order.telegram_id for order in orders} | granted.keys())
    people = dict(zip(ids, await asyncio.gather(*map(ask, ids)), strict=True))
    feed = [event async for event in _read_feed(api)]
    tasks = (await control.get("/predictions", params={"prompt": marker})).raise_for_status().json()["predictions"]
    log = (await control.get("/log", params={"method": "POST"})).raise_for_status().json()["requests"]
    posts = [entry for entry in log if "prompt" in (entry["body"] or {}) and marker in entry["body"]["prompt"]]
    return Facts(orders, granted, people, results, feed, tasks, posts, list(followed))


async def _person(api: httpx2.AsyncClient, telegram_id: int) -> Person:
    answer = await api.get(f"/users/{telegram_id}/balance")
    if answer.status_code == _NOT_FOUND:  # nothing of this person was ever accepted
        return Person(0, 0, 0, 0, [], [])
    balance = answer.raise_for_status().json()
    trial = (await api.get(f"/users/{telegram_id}/trial")).raise_for_status().json()
    return Person(
        balance["balance"],
        balance["held"],
        trial["used_count"],
        trial["limit"],
        await _all_pages(api, f"/users/{telegram_id}/ledger"),
        await _all_pages(api, "/generations", telegram_id=telegram_id),
    )


async def _all_pages(api: httpx2.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of a list, the oldest first."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = (
            (await api.get(path, params={**query, "limit": PAGE, **({"cursor": cursor} if cursor else {})}))
            .raise_for_status()
            .json()
        )
        items += page["items"]
        if (cursor := page["next_cursor"]) is None:
            return items[::-1]


async def _read_feed(api: httpx2.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """The feed from its beginning until nothing more comes."""
    async with api.stream("GET", "/events", params={"after": 0}, timeout=httpx2.Timeout(30, read=FEED_QUIET_S)) as stream:
        number = 0
        with suppress(httpx2.ReadTimeout):
            async for line in stream.aiter_lines():
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                elif line.startswith("data: "):
                    told = json.loads(line.removeprefix("data: "))
                    yield {"event": number, **{name: told[name] for name in ("id", "telegram_id", "status")}}
