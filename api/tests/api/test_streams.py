"""Server-sent events: one generation's, and the feed of all."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest

from app.db.session import Session
from app.domain.generations import event_queries
from app.domain.generations import events as follow
from tests import running
from tests.factories import NO_TLS, Shop, new_telegram_id


class Stream:
    """An open stream: reads event by event."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self, *, within_s: float = 10) -> tuple[int, dict[str, Any]]:
        """The next event's id and data. Raises StopAsyncIteration at the end of the stream."""
        event: dict[str, str] = {}
        async with asyncio.timeout(within_s):
            async for line in self._lines:
                if line.startswith(":"):
                    continue
                if line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif event:
                    assert event["event"] == "status"
                    return int(event["id"]), json.loads(event["data"])
        raise StopAsyncIteration

    async def rest(self) -> list[str]:
        """The statuses up to the end of the stream."""
        seen = []
        while True:
            try:
                seen.append((await self.next())[1]["status"])
            except StopAsyncIteration:
                return seen


@asynccontextmanager
async def stream(http: httpx2.AsyncClient, path: str, *, last: int | None = None, **query: Any) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": str(last)} if last is not None else {}
    async with http.stream("GET", path, params=query, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


async def finish(shop: Shop, telegram_id: int) -> None:
    """One generation from its order to its end."""
    await shop.follow(await shop.order(telegram_id), telegram_id)


@asynccontextmanager
async def counted_statements(shop: Shop) -> AsyncIterator[tuple[Session, list[str]]]:
    """A session for reading, and what of events is asked through it."""
    async with shop.resources.reading() as session:
        assert isinstance(session, Session)
        statements: list[str] = []
        with (await session.driver()).query_logger(
            lambda asked: statements.extend([asked.query] * ("generation_events" in asked.query))
        ):
            yield session, statements
            await asyncio.sleep(0)  # the driver tells of a statement a moment after it


async def changes(session: Session, generation: dict[str, Any], telegram_id: int, *, after: int) -> Sequence[follow.Change]:
    (rows,) = await event_queries.list_changes(session, [(generation["id"], telegram_id, after)])
    return follow.changes_of(rows)


class TestOneGeneration:
    async def test_shows_the_state_now_and_each_change_until_the_last(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        async with stream(shop.http, f"/generations/{generation['id']}/events", telegram_id=somebody) as events:
            first = await events.next()
            async with running.worker(shop.settings):
                rest = await events.rest()

        assert (first[1]["status"], first[1]["id"]) == ("queued", generation["id"])
        assert rest == ["running", "completed"]

    async def test_looks_at_generation_and_events_in_one_moment(self, shop: Shop) -> None:
        # With two, an end that came in between would count as told, and would not be.
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        async with counted_statements(shop) as (session, statements):
            (first,) = await changes(session, generation, somebody, after=0)
            await shop.http.post(f"/generations/{generation['id']}/cancel", json={"telegram_id": somebody})
            later = await changes(session, generation, somebody, after=first.id)
            anew = await changes(session, generation, somebody, after=0)

        assert [change.generation.status for change in (first, *later, *anew)] == ["queued", "cancelled", "queued", "cancelled"]
        assert len(statements) == 3

    async def test_a_look_of_many_streams_is_one(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        people = [new_telegram_id() for _ in range(5)]
        orders = [await shop.order(somebody) for somebody in people]
        lookout = follow.Lookout(shop.resources)
        looks = [lookout.look(order["id"], who, after=0) for order in orders for who in people for _ in range(10)]

        batches: list[int] = []

        async def ask(session: Any, asked: list[tuple[int, int, int]]) -> list[list[Any]]:
            batches.append(len(asked))
            return await list_changes(session, asked)

        list_changes = event_queries.list_changes
        monkeypatch.setattr(event_queries, "list_changes", ask)
        monkeypatch.setattr(follow, "LOOKS_MAX", 200)
        found = await asyncio.gather(*looks)

        assert [len(rows) for rows in found] == [int(order == who) for order in range(5) for who in range(5) for _ in range(10)]
        # The first asked alone; all others came while it did, each question several times.
        assert batches == [1, 21, 5]

    async def test_resumes_where_the_client_stopped(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await busy_shop.order(somebody)
        await busy_shop.follow(generation, somebody)
        first_id = await busy_shop.eyes.fetchval("SELECT min(id) FROM generation_events")

        path = f"/generations/{generation['public_id']}/events"
        async with stream(busy_shop.http, path, last=first_id, telegram_id=somebody) as events:
            seen = await events.rest()

        assert seen == ["running", "completed"]

    async def test_is_over_for_who_has_seen_the_last_one(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await busy_shop.order(somebody)
        await busy_shop.follow(generation, somebody)
        last_id = await busy_shop.eyes.fetchval("SELECT max(id) FROM generation_events")

        answer = await busy_shop.http.get(
            f"/generations/{generation['id']}/events",
            params={"telegram_id": somebody},
            headers={"Last-Event-ID": str(last_id)},
        )

        assert answer.status_code == 204

    async def test_is_not_for_others(self, shop: Shop) -> None:
        generation = await shop.order(new_telegram_id())

        answer = await shop.http.get(f"/generations/{generation['id']}/events", params={"telegram_id": new_telegram_id()})

        assert (answer.status_code, answer.json()["code"]) == (404, "generation_not_found")

    async def test_ends_when_the_process_does(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)
        async with asyncio.timeout(2):
            async with running.api(shop.settings) as other:
                client = httpx2.AsyncClient(base_url=f"{other}/api/v1", headers=shop.http.headers, verify=NO_TLS)
                opened = client.stream("GET", f"/generations/{generation['id']}/events", params={"telegram_id": somebody})
                response = await opened.__aenter__()
                events = Stream(response)
                await events.next()

            assert await events.rest() == []
            await opened.__aexit__(None, None, None)
            await client.aclose()

    async def test_hundreds_wait_in_one_process(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)
        path = f"/generations/{generation['id']}/events"
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(
            base_url=f"{shop.base_url}/api/v1", headers=shop.http.headers, limits=limits, timeout=60, verify=NO_TLS
        ) as http:

            async def watch() -> list[str]:
                async with AsyncExitStack() as stack:
                    async with opening:
                        events = await stack.enter_async_context(stream(http, path, telegram_id=somebody))
                        first = (await events.next(within_s=60))[1]["status"]
                    waiting.release()
                    return [first, *await events.rest()]

            waiting = asyncio.Semaphore(0)
            # Each looks into the database once before it waits: all at the same moment would be refused by a slow machine.
            opening = asyncio.Semaphore(20)
            async with asyncio.TaskGroup() as group:
                watchers = [group.create_task(watch()) for _ in range(300)]
                for _ in watchers:
                    await waiting.acquire()
                await shop.http.post(f"/generations/{generation['id']}/cancel", json={"telegram_id": somebody})

        assert {tuple(watcher.result()) for watcher in watchers} == {("queued", "cancelled")}


class TestFeed:
    async def test_tells_everything_since_the_beginning(self, busy_shop: Shop) -> None:
        people = [new_telegram_id() for _ in range(10)]
        await asyncio.gather(*(finish(busy_shop, person) for person in people))

        async with stream(busy_shop.http, "/events", after=0) as feed:
            seen = [await feed.next() for _ in range(30)]

        assert [position for position, _ in seen] == list(range(1, 31))
        for person in people:
            assert [event["status"] for _, event in seen if event["telegram_id"] == person] == ["queued", "running", "completed"]

    async def test_resumes_in_another_process(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        async with stream(busy_shop.http, "/events") as feed:
            await asyncio.sleep(0.05)
            await busy_shop.follow(await busy_shop.order(somebody), somebody)
            position, event = await feed.next()
        assert event["status"] == "queued"

        async with (
            running.api(busy_shop.settings) as other,
            httpx2.AsyncClient(base_url=f"{other}/api/v1", headers=busy_shop.http.headers, verify=NO_TLS) as http,
            stream(http, "/events", last=position) as feed,
        ):
            rest = [await feed.next() for _ in range(2)]

        assert [event["status"] for _, event in rest] == ["running", "completed"]

    async def test_skips_nothing_when_a_lower_id_commits_later(self, shop: Shop) -> None:
        early, late = new_telegram_id(), new_telegram_id()
        slow = await shop.order(early)
        await shop.eyes.execute("BEGIN")
        await shop.eyes.execute("UPDATE generation_requests SET status = 'running' WHERE id = $1", slow["id"])
        await shop.order(late)
        async with stream(shop.http, "/events", after=0) as feed:
            before = [await feed.next() for _ in range(2)]
            await shop.eyes.execute("COMMIT")
            after = await feed.next()

        assert [event["status"] for _, event in before] == ["queued", "queued"]
        assert (after[1]["status"], after[1]["id"]) == ("running", slow["id"])
        assert after[0] > before[-1][0]

    async def test_is_the_same_in_two_processes_that_read_at_once(self, busy_shop: Shop) -> None:
        async def read(client: httpx2.AsyncClient) -> list[tuple[int, int, str]]:
            async with stream(client, "/events", after=0) as feed:
                events = [await feed.next() for _ in range(60)]
                return [(position, event["id"], event["status"]) for position, event in events]

        people = [new_telegram_id() for _ in range(20)]
        async with (
            running.api(busy_shop.settings) as other,
            httpx2.AsyncClient(base_url=f"{other}/api/v1", headers=busy_shop.http.headers, verify=NO_TLS) as http,
            asyncio.TaskGroup() as group,
        ):
            readers = [group.create_task(read(client)) for client in (busy_shop.http, http, http)]
            await asyncio.gather(*(finish(busy_shop, person) for person in people))
            first, second, third = await asyncio.gather(*readers)

        assert first == second == third

    @pytest.mark.parametrize("query", [{"after": -1}, {"after": "x"}])
    async def test_refuses_a_position_that_is_none(self, shop: Shop, query: dict[str, Any]) -> None:
        answer = await shop.http.get("/events", params=query)

        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
