"""Many submits at once, with real commits: the constraints are the last word."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import pytest
import redis.asyncio as redis

from app.core.config import Settings
from simulator.server import RunningSimulator
from tests.factories import Shop, changed, new_telegram_id, open_shop

TAPS = 50


async def fifty_taps(shops: list[Shop], telegram_id: int) -> list[httpx2.Response]:
    """One user taps fifty times at once, on all of these APIs in turn."""
    return await asyncio.gather(*(shops[number % len(shops)].submit(telegram_id) for number in range(TAPS)))


def check_one_accepted(answers: list[httpx2.Response]) -> None:
    """One order was taken; all others were told which one."""
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: TAPS - 1}
    accepted = {answer.json()["request"]["id"] for answer in answers if answer.status_code == 202}
    assert {answer.json()["active_request_id"] for answer in answers if answer.status_code == 409} == accepted


def the_accepted_one(answers: list[httpx2.Response]) -> dict[str, Any]:
    """One order was taken; each other tap was told that it is running, or, once it had ended, that nothing is left to spend."""
    counted = Counter(answer.status_code for answer in answers)
    assert (counted[202], counted[202] + counted[402] + counted[409]) == (1, TAPS), counted
    (accepted,) = [answer.json()["request"] for answer in answers if answer.status_code == 202]
    told = {(problem["active_request_id"], problem["active_public_id"]) for problem in problems_of(answers, 409)}
    assert told <= {(accepted["id"], accepted["public_id"])}
    assert {(problem["balance"], problem["required"]) for problem in problems_of(answers, 402)} <= {(0, 1)}
    generation: dict[str, Any] = accepted
    return generation


def problems_of(answers: list[httpx2.Response], status: int) -> list[dict[str, Any]]:
    return [answer.json() for answer in answers if answer.status_code == status]


@asynccontextmanager
async def two_shops(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[list[Shop]]:
    """Two APIs on one database."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_shop(settings, simulator)) for _ in range(2)]


class TestFiftyTaps:
    async def test_one_of_fifty_is_accepted(self, shop: Shop) -> None:
        somebody = await shop.rich_user(10)

        check_one_accepted(await fifty_taps([shop], somebody))

        assert await shop.balance(somebody) == (9, 1)
        await shop.check_books()

    async def test_a_new_user_gets_one_trial(self, shop: Shop) -> None:
        check_one_accepted(await fifty_taps([shop], new_telegram_id()))

        assert await shop.eyes.fetchval("SELECT count(*) FROM trial_uses") == 1
        assert await shop.eyes.fetchval("SELECT count(*) FROM users") == 1
        await shop.check_books()

    @pytest.mark.case(21)
    async def test_two_apis_refuse_equally(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with two_shops(settings, simulator) as shops:
            somebody = await shops[0].rich_user(10)

            check_one_accepted(await fifty_taps(shops, somebody))
            check_one_accepted(await fifty_taps(shops, new_telegram_id()))

            assert await shops[0].balance(somebody) == (9, 1)
            await shops[0].check_books()


class TestFiftyTapsWithTheWorkerAtWork:
    @pytest.mark.case(1)
    async def test_the_last_credit_buys_one_picture_and_one_task(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(1)

        generation = the_accepted_one(await fifty_taps([busy_shop], somebody))

        assert (await busy_shop.follow(generation, somebody))["status"] == "completed"
        assert (await busy_shop.submit(somebody)).status_code == 402
        assert await busy_shop.balance(somebody) == (0, 0)
        assert len(await busy_shop.submits_seen()) == 1
        await busy_shop.check_books()

    @pytest.mark.case(2)
    async def test_the_one_trial_buys_one_picture_and_one_task(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()

        generation = the_accepted_one(await fifty_taps([busy_shop], somebody))

        assert (await busy_shop.follow(generation, somebody))["status"] == "completed"
        assert (await busy_shop.submit(somebody)).status_code == 402
        assert await busy_shop.eyes.fetchval("SELECT array_agg(state) FROM trial_uses") == ["used"]
        assert await busy_shop.balance(somebody) == (0, 0)
        assert len(await busy_shop.submits_seen()) == 1
        await busy_shop.check_books()

    async def test_each_accepted_tap_costs_one_credit_and_one_task(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(3)

        answers = [answer for _ in range(6) for answer in await fifty_taps([busy_shop], somebody)]
        for answer in answers:
            if answer.status_code == 202:
                await busy_shop.follow(answer.json()["request"], somebody)

        accepted = sum(answer.status_code == 202 for answer in answers)
        assert {answer.status_code for answer in answers} <= {202, 409, 402}
        assert await busy_shop.balance(somebody) == (3 - accepted, 0)
        assert len(await busy_shop.submits_seen()) == accepted
        await busy_shop.check_books()


class TestWithoutRedis:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return changed(settings, redis_url="unix:///nowhere/valkey.sock")

    async def test_one_of_fifty_is_accepted_by_two_apis(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with two_shops(settings, simulator) as shops:
            somebody = await shops[0].rich_user(TAPS)  # so that credits do not end what only the order's own guards may

            check_one_accepted(await fifty_taps(shops, somebody))
            check_one_accepted(await fifty_taps(shops, new_telegram_id()))

            assert await shops[0].balance(somebody) == (TAPS - 1, 1)
            await shops[0].check_books()

    async def test_the_last_credit_buys_one_picture(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(1)

        answers = await fifty_taps([busy_shop], somebody)

        generation = next(answer.json()["request"] for answer in answers if answer.status_code == 202)
        await busy_shop.follow(generation, somebody)
        assert await busy_shop.balance(somebody) == (0, 0)
        assert len(await busy_shop.submits_seen()) == 1
        await busy_shop.check_books()


class TestWipedRedis:
    @pytest.mark.case(13)
    async def test_under_load_still_leaves_one_active_each(self, settings: Settings, simulator: RunningSimulator) -> None:
        is_over, wiped = asyncio.Event(), 0

        async def wipe() -> None:
            nonlocal wiped
            async with redis.from_url(str(settings.redis_url and settings.redis_url.get_secret_value())) as client:
                while not is_over.is_set():
                    await client.flushall()
                    wiped += 1
                    await asyncio.sleep(0.002)

        async with two_shops(settings, simulator) as shops, asyncio.TaskGroup() as group:
            people = [await shops[0].rich_user(5) if number % 2 else new_telegram_id() for number in range(8)]
            group.create_task(wipe())
            taps = await asyncio.gather(*(shops[number % 2].submit(person) for number in range(6) for person in people))
            is_over.set()

            # Everybody tapped six times and has one order.
            assert Counter(answer.status_code for answer in taps) == {202: len(people), 409: 5 * len(people)}
            active = await shops[0].eyes.fetch("SELECT user_id, count(*) FROM generation_requests GROUP BY user_id")
            assert [row["count"] for row in active] == [1] * len(people)
            assert wiped > 10
            await shops[0].check_books()


class TestCrowd:
    async def test_everybody_gets_one_though_all_pay_into_one_account(self, busy_shop: Shop) -> None:
        people = [await busy_shop.rich_user(2) for _ in range(20)]

        generations = await asyncio.gather(*(busy_shop.order(somebody) for somebody in people))
        ends = await asyncio.gather(*(busy_shop.follow(*pair) for pair in zip(generations, people, strict=True)))

        assert {end["status"] for end in ends} == {"completed"}
        assert {await busy_shop.balance(somebody) for somebody in people} == {(1, 0)}
        await busy_shop.check_books()

    async def test_a_hundred_syncs_are_one_user(self, settings: Settings, simulator: RunningSimulator) -> None:
        somebody = new_telegram_id()
        async with two_shops(settings, simulator) as shops:
            answers = await asyncio.gather(
                *(
                    shops[number % 2].http.post("/users/sync", json={"telegram_id": somebody, "first_name": f"name {number}"})
                    for number in range(100)
                )
            )

            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.json()["id"] for answer in answers}) == 1
            assert await shops[0].eyes.fetchval("SELECT count(*) FROM users") == 1
