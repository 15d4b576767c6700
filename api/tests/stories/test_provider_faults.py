"""Everything that the provider may do wrong, through API, queue and worker: each order ends, is sent once and is paid rightly.

One order per fault, all of them at the same time. `WAYS` says how each may end; a fault of the simulator may not be missing there.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from app.core.config import Settings
from simulator.faults import KINDS
from tests.factories import Shop, changed, new_telegram_id

DEADLINE_S = 12
STAGES = {"submit_before", "submit_after", "sync", "task", "poll"}


@dataclass(frozen=True)
class Way:
    """How an order with this marker may end (`completed` or an error code), and how often it may be sent."""

    marker: str
    ends: frozenset[str]
    posts_max: int = 1

    @property
    def kind(self) -> str:
        """The simulator's name of the fault."""
        return self.marker.partition("=")[0].partition(" ")[0]


def _ways(ends: str, *markers: str, posts_max: int = 1) -> list[Way]:
    return [Way(marker, frozenset(ends.split()), posts_max) for marker in markers]


ANSWERED_WRONG = "cut 500 502 503 504"
WAYS = [
    *_ways("provider_refused", "submit_400", "submit_401", "submit_403", "submit_404"),
    *_ways("completed", "submit_429 times=1", posts_max=2),
    *_ways("deadline_exceeded", "submit_429", "insufficient_credits", "fail=1407", posts_max=9),
    # The answer is lost, and whether there is a task: never sent again.
    *_ways("deadline_exceeded", *(f"submit_{answer}_before_accept" for answer in ANSWERED_WRONG.split())),
    *_ways("deadline_exceeded", "submit_envelope_error"),
    # There is a task: it may be found again by other means.
    *_ways(
        "deadline_exceeded completed", *(f"submit_{a}_after_accept" for a in f"{ANSWERED_WRONG} html garbage null_data".split())
    ),
    *_ways("completed", "submit_slow_before_accept=1", "submit_slow_after_accept=1", "sync_timeout_5004"),
    *_ways("deadline_exceeded completed", "sync_timeout_504"),
    *_ways("content_refused", "fail=1200"),
    *_ways("provider_failed", "fail=1405", "fail=9999", "submit_answers_failed", "status_cancelled", "status_deleted"),
    *_ways("reference_unreadable", "image_download_failed"),
    *_ways("provider_timeout", "status_timeout"),
    *_ways("no_image", "empty_outputs", "null_outputs", "missing_outputs", "object_outputs"),
    *_ways("deadline_exceeded", "stuck"),
    *_ways("completed", "status_unknown", "delay=1", "minimal_fields", "legacy_fields", "alias_model=another/model"),
    *_ways("completed", "old_submit_shape", "foreign_poll_url", "history_lag"),
    *_ways("completed provider_lost deadline_exceeded", "expired"),
    *_ways("completed", *(f"poll_{answer} times=2" for answer in f"{ANSWERED_WRONG} 401 404 429 html garbage".split())),
    *_ways("completed", "poll_null_data times=2", "poll_envelope_error times=2", "poll_slow=0.5"),
]
FOREVER = [
    *_ways("deadline_exceeded", "poll_500", "poll_cut", "poll_401", "poll_html", "poll_garbage", "poll_envelope_error"),
    *_ways("provider_lost deadline_exceeded", "poll_404"),
]


def name_of(way: Way) -> str:
    return f"<{way.marker}>"


async def order_all(shop: Shop, ways: list[Way], *, free: bool) -> dict[str, int]:
    """One order per way, of one person each; the persons by the name of the way."""
    people = {name_of(way): new_telegram_id() if free else await shop.rich_user(2) for way in ways}
    at_once = asyncio.Semaphore(10)

    async def order(way: Way) -> None:
        async with at_once:
            await shop.order(people[name_of(way)], prompt=f"{name_of(way)} [sim:{way.marker}]")

    await asyncio.gather(*(order(way) for way in ways))
    return people


async def ends_by_name(shop: Shop) -> dict[str, str]:
    """Wait for all; how each ended."""
    async with asyncio.timeout(DEADLINE_S + 15):
        while await shop.eyes.fetchval("SELECT count(*) FROM generation_requests WHERE status IN ('queued', 'running')"):
            await asyncio.sleep(0.1)
    rows = await shop.eyes.fetch("SELECT prompt, status, error_code FROM generation_requests")
    return {row["prompt"].partition(" [sim:")[0]: row["error_code"] or row["status"] for row in rows}


async def check(shop: Shop, ways: list[Way], people: dict[str, int], *, free: bool) -> None:
    """Each ended in its way, was sent as often as it may, and took a credit exactly when there is a picture."""
    ends = await ends_by_name(shop)
    posts = Counter(entry["body"]["prompt"].partition(" [sim:")[0] for entry in await shop.submits_seen())
    by_name = {name_of(way): way for way in ways}
    assert ends.keys() == by_name.keys()
    assert {name: end for name, end in ends.items() if end not in by_name[name].ends} == {}
    assert {name: posts[name] for name, way in by_name.items() if not 1 <= posts[name] <= way.posts_max} == {}
    for name, telegram_id in people.items():
        is_paid = ends[name] == "completed"
        if free:
            trial: dict[str, Any] = (await shop.http.get(f"/users/{telegram_id}/trial")).json()
            assert trial["trial_available"] is not is_paid, name
        else:
            assert await shop.balance(telegram_id) == (2 - is_paid, 0), name
    await shop.check_books()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    # So many faults at once would open the breaker, and it is each of them that is asked for here.
    return changed(settings, generation_deadline_seconds=DEADLINE_S, worker_lease_seconds=3, wavespeed_breaker_failures=0)


class TestEveryFault:
    def test_is_in_the_table(self) -> None:
        known = {kind.kind for kind in KINDS.values() if kind.stage in STAGES}
        assert known - {way.kind for way in [*WAYS, *FOREVER]} == set()

    async def test_while_the_answer_holds_the_picture(self, busy_shop: Shop) -> None:
        people = await order_all(busy_shop, WAYS, free=False)
        await check(busy_shop, WAYS, people, free=False)

    async def test_gives_a_free_picture_back(self, busy_shop: Shop) -> None:
        ways = [way for way in WAYS if "completed" not in way.ends]
        people = await order_all(busy_shop, ways, free=True)
        await check(busy_shop, ways, people, free=True)


class TestEveryFaultWhilePolling:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return changed(settings, wavespeed_sync_mode=False)

    async def test_that_passes(self, busy_shop: Shop) -> None:
        people = await order_all(busy_shop, WAYS, free=False)
        await check(busy_shop, WAYS, people, free=False)

    async def test_that_never_passes(self, busy_shop: Shop) -> None:
        people = await order_all(busy_shop, FOREVER, free=False)
        await check(busy_shop, FOREVER, people, free=False)
