"""One run of all the provider's faults: four worlds on one simulator, many orders of many kinds at once, judged from outside."""

import asyncio
import json
import socket
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from app.core.config import Settings
from simulator.server import RunningSimulator
from simulator.settings import DEFAULT_WEBHOOK_SECRET as SECRET
from tests import running
from tests.checker import FINAL, judge, repeated_posts
from tests.factories import BOT_KEY, NO_TLS, an_order, changed, new_telegram_id
from tests.facts import Facts, Order, collect
from tests.faults.menu import SELDOM, STORM, UPLOADS, WORLDS, Dish, World, by_marker
from tests.pictures import a_picture

DEADLINE_S = 6.0
LATE_S = 40.0
AT_ONCE = 24
STORM_EVERY = 17
LONG_COUNT = 50
UNREADABLE = ("html_after_accept", "garbage_after_accept", "null_data_after_accept")
_ACCEPTED, _OK, _UNAVAILABLE, _TOO_MANY = 202, 200, 503, 429
CHARGED, REPEATED, NOT_FINAL = "charged without a picture", "POST repeated", "not final"


@dataclass(frozen=True)
class Programs:
    """How a world's programs are started: an API at this socket, which yields its address, and a worker."""

    api: Callable[[Settings, socket.socket], AbstractAsyncContextManager[str]]
    worker: Callable[[Settings], AbstractAsyncContextManager[Any]]


IN_THIS_PROCESS = Programs(running.api, running.worker)


@dataclass
class Room:
    """A world that runs: its API, and the journal of its customers."""

    world: World
    http: httpx2.AsyncClient
    orders: list[Order] = field(default_factory=list)
    granted: Counter[int] = field(default_factory=Counter)
    dishes: dict[str, str] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def marker(self) -> str:
        """What stands in every prompt of this world and in no other one."""
        return f"<{self.world.name}>"

    async def serve(self, name: str, marker: str, **more: Any) -> None:
        """One order by somebody new, sent again while it is refused for the moment. `name` is the row that it counts in."""
        person = new_telegram_id()
        if self.world.is_paid:
            await self._insist("/admin/credits", {"telegram_id": person, "amount": 2, "reason": "faults"}, _OK)
            self.granted[person] += 2
        prompt = f"{self.marker} {len(self.orders)} {marker}".strip()
        order = Order(str(uuid4()), person, prompt)
        self.orders.append(order)
        self.dishes[prompt] = name
        answer = await self._insist("/generations/submit", an_order(person, prompt=prompt, **more), _ACCEPTED, key=order.key)
        order.accepted_ids.append(answer["request"]["id"])

    async def upload_and_serve(self, name: str) -> None:
        """Send a picture; if it was taken, order with it."""
        answer = await self.http.post("/media/upload", files={"file": ("cat.png", a_picture(), "image/png")})
        if answer.status_code == _OK:
            await self.serve(name, "", reference_urls=[answer.json()["download_url"]])
        else:
            self.refusals[f"{name}: {answer.status_code} {answer.json()['code']}"] += 1

    async def until_all_ended(self) -> None:
        """Wait until the feed has told the end of every order, but not for ever: the judge says what is missing."""
        missing = {order.accepted_ids[0] for order in self.orders}
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S + LATE_S):
                async with self.http.stream("GET", "/events", params={"after": 0}, timeout=60) as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("data: ") and (told := json.loads(line[6:]))["status"] in FINAL:
                            missing.discard(told["id"])
                            if not missing:
                                return

    async def _insist(self, path: str, body: dict[str, Any], wanted: int, *, key: str = "") -> dict[str, Any]:
        headers = {"Idempotency-Key": key or str(uuid4())}
        while True:
            try:
                answer = await self.http.post(path, json=body, headers=headers)
            except httpx2.TransportError as error:  # a connection that was idle for too long: the key makes it harmless
                self.refusals[f"{path}: {type(error).__name__}"] += 1
                continue
            told: dict[str, Any] = answer.json()
            if answer.status_code == wanted:
                return told
            if answer.status_code not in {_UNAVAILABLE, _TOO_MANY}:
                raise AssertionError(f"{path} answered {answer.status_code}: {told}")
            self.refusals[f"{path}: {answer.status_code} {told['code']}"] += 1
            await asyncio.sleep(0.5)


@dataclass
class Report:
    """What came of it: by row how the generations ended, how often each kind struck, and everything that was found wrong."""

    rows: dict[str, Counter[str]]
    struck: Counter[str]
    totals: Counter[str]
    refusals: Counter[str]
    findings: list[str]


async def run(
    settings: Sequence[Settings],
    simulator: RunningSimulator,
    *,
    count: int,
    say: Callable[[str], None],
    programs: Programs = IN_THIS_PROCESS,
) -> Report:
    """`count` orders for each marker, each fault of the storm and of uploads; `settings` has a database for each world."""
    async with AsyncExitStack() as stack:
        control = await stack.enter_async_context(httpx2.AsyncClient(base_url=f"{simulator.url}/sim", timeout=120, verify=NO_TLS))
        rooms = [
            await stack.enter_async_context(_open(world, each, programs)) for world, each in zip(WORLDS, settings, strict=True)
        ]
        kitchen = Kitchen(control, rooms, count, say)
        await kitchen.serve_markers()
        await kitchen.serve_in_the_storm()
        await kitchen.serve_uploads()
        facts = await asyncio.gather(
            *(collect(room.http, control, room.orders, dict(room.granted), marker=room.marker) for room in rooms)
        )
    return _report(rooms, facts, kitchen.struck, count)


@dataclass
class Kitchen:
    """The rounds of a run, and how often each fault has struck."""

    control: httpx2.AsyncClient
    rooms: list[Room]
    count: int
    say: Callable[[str], None]
    struck: Counter[str] = field(default_factory=Counter)

    async def serve_markers(self) -> None:
        """Each fault that a prompt asks for, all at once."""
        dishes = by_marker()
        self.say(f"{len(dishes)} faults by marker, {self.count} orders each")
        servings = [(dish, number + place) for number in range(self.count) for place, dish in enumerate(dishes)]
        await self._side_by_side([self._serve(dish, number) for dish, number in servings])
        await self._clear_up()

    async def serve_in_the_storm(self) -> None:
        """Faults of any call, all of them now and then, while every third order also loses its answer."""
        self.say(f"a storm of {len(STORM)} faults at once")
        for number, kind in enumerate(STORM):
            if kind.startswith("api_"):
                await self._switch_on(kind, every=STORM_EVERY + number)
            else:  # one look serves many lost answers, and a run has few of them: the next looks, one kind each
                await self._switch_on(kind, times=1)
        markers = ("", "submit_cut_after_accept", "poll_500 times=1")
        orders = [
            self.rooms[number % len(self.rooms)].serve("storm", f"[sim:{markers[number % 3]}]" if markers[number % 3] else "")
            for number in range(self.count * len(STORM))
        ]
        await self._side_by_side(orders)
        await self._clear_up()

    async def serve_uploads(self) -> None:
        """Each fault of an upload; the flow of the world says which ones it can meet."""
        for kind in UPLOADS:
            self.say(f"uploads with {kind}")
            await self._switch_on(kind, every=2)
            rooms = [room for room in self.rooms if room.world.is_sync is not kind.startswith("upload_put")]
            await self._side_by_side([rooms[number % 2].upload_and_serve(kind) for number in range(self.count)])
            await self._clear_up(waits=kind == UPLOADS[-1])

    async def _serve(self, dish: Dish, number: int) -> None:
        world = dish.worlds[number % len(dish.worlds)]
        await next(room for room in self.rooms if room.world == world).serve(dish.marker, f"[sim:{dish.marker}]")

    async def _side_by_side(self, orders: Sequence[Coroutine[Any, Any, None]]) -> None:
        queue = iter(orders)

        async def serve_on() -> None:
            for order in queue:
                await order

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(serve_on())

    async def _switch_on(self, kind: str, *, every: int = 1, times: int | None = None) -> None:
        params = {"seconds": 0.5} if kind.endswith("_slow") else {}
        body = {"kind": kind, "times": times, "every": every, **params}
        (await self.control.post("/faults", json=body)).raise_for_status()

    async def _clear_up(self, *, waits: bool = True) -> None:
        if waits:
            for room in self.rooms:
                await room.until_all_ended()
        self.struck.update((await self.control.get("/faults")).raise_for_status().json()["struck"])
        (await self.control.delete("/faults")).raise_for_status()


@asynccontextmanager
async def _open(world: World, settings: Settings, programs: Programs) -> AsyncIterator[Room]:
    with running.a_listener() as listener:
        settings = changed(
            settings,
            wavespeed_sync_mode=world.is_sync,
            wavespeed_poll_interval_seconds=0.2,
            wavespeed_max_concurrency=10_000,
            wavespeed_breaker_failures=0,  # a provider that does nothing right would keep the orders away
            wavespeed_upload_flow="binary" if world.is_sync else "ticket",
            trial_generations=0 if world.is_paid else 1,
            generation_deadline_seconds=DEADLINE_S,
            worker_lease_seconds=5,
            **({} if world.is_sync else {"public_base_url": running.address_of(listener), "wavespeed_webhook_secret": SECRET}),
        )
        headers = {"Authorization": f"Bearer {BOT_KEY}"}
        limits = httpx2.Limits(max_connections=100, keepalive_expiry=2)
        async with (
            programs.api(settings, listener) as url,
            programs.worker(settings),
            httpx2.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=60, limits=limits, verify=NO_TLS) as http,
        ):
            yield Room(world, http)


def _report(rooms: list[Room], all_facts: Sequence[Facts], struck: Counter[str], count: int) -> Report:
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    totals, refusals, findings = Counter[str](), Counter[str](), list[str]()
    for room, facts in zip(rooms, all_facts, strict=True):
        refusals += room.refusals
        findings += [f"{room.world.name}: {violation}" for violation in judge(facts).violations]
        totals += _totals(facts)
        lost = _lost_answers(facts)
        for person in facts.people.values():
            for generation in person.generations:
                row = rows[room.dishes[generation["prompt"]]]
                row[generation["status"]] += 1
                row["resolved"] += generation["status"] == "completed" and generation["prompt"] in lost
    due = {dish.kind for dish in by_marker()} | set(STORM) | set(UPLOADS)
    due -= SELDOM if count < LONG_COUNT else set()
    findings += [f"the fault {kind} never struck" for kind in sorted(due - {kind for kind, times in struck.items() if times})]
    return Report(dict(rows), struck, totals, refusals, findings)


def _totals(facts: Facts) -> Counter[str]:
    moved: Counter[str] = Counter()
    for person in facts.people.values():
        for entry in person.statement:
            moved[entry["reference_id"] or ""] += entry["amount"]
    generations = [generation for person in facts.people.values() for generation in person.generations]
    return Counter(
        {
            "generations": len(generations),
            CHARGED: sum(moved[each["public_id"]] < 0 and not facts.results[each["id"]] for each in generations),
            REPEATED: len(repeated_posts(facts)),
            NOT_FINAL: sum(each["status"] not in FINAL for each in generations),
        }
    )


def _lost_answers(facts: Facts) -> set[str]:
    """The prompts whose task was accepted while the answer to the submit said nothing of it."""
    lost = {post["body"]["prompt"] for post in facts.posts if post["prediction_id"] and post["status"] != _OK}
    return lost | {post["body"]["prompt"] for post in facts.posts if any(word in post["body"]["prompt"] for word in UNREADABLE)}
