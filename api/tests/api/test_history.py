"""Lists that do not shift, and taking an order back."""

import asyncio
from typing import Any

import pytest

from tests import running
from tests.factories import Shop, new_telegram_id


class TestHistory:
    async def test_pages_do_not_shift_when_something_new_is_added(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(10)
        made = [(await busy_shop.follow(await busy_shop.order(somebody), somebody))["id"] for _ in range(5)]
        first = (await busy_shop.http.get("/generations", params={"telegram_id": somebody, "limit": 2})).json()
        await busy_shop.follow(await busy_shop.order(somebody), somebody)

        query = {"telegram_id": somebody, "limit": 2, "cursor": first["next_cursor"]}
        second = (await busy_shop.http.get("/generations", params=query)).json()
        third = (await busy_shop.http.get("/generations", params=query | {"cursor": second["next_cursor"]})).json()

        seen = [item["id"] for page in (first, second, third) for item in page["items"]]
        assert seen == made[::-1]
        assert third["next_cursor"] is None

    async def test_a_stranger_has_none(self, shop: Shop) -> None:
        answer = await shop.http.get("/generations", params={"telegram_id": new_telegram_id()})

        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")

    async def test_a_statement_lists_every_movement_with_the_balance_after_it(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(5)
        await busy_shop.follow(await busy_shop.order(somebody), somebody)
        await busy_shop.follow(await busy_shop.order(somebody, prompt="[sim:fail=1200]"), somebody)

        first = (await busy_shop.http.get(f"/users/{somebody}/ledger", params={"limit": 3})).json()
        rest = (await busy_shop.http.get(f"/users/{somebody}/ledger", params={"cursor": first["next_cursor"]})).json()

        lines = [(line["entry_type"], line["amount"], line["balance_after"]) for line in first["items"] + rest["items"]]
        assert lines == [
            ("generation_release", 1, 4),
            ("generation_hold", -1, 3),
            ("generation_hold", -1, 4),
            ("grant", 5, 5),
        ]
        assert rest["next_cursor"] is None


class TestCancel:
    async def test_gives_the_credits_back(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        generation = await shop.order(somebody)

        answer = await shop.http.post(f"/generations/{generation['id']}/cancel", json={"telegram_id": somebody})

        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert await shop.balance(somebody) == (5, 0)
        await shop.check_books()

    async def test_gives_the_trial_back(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        await shop.http.post(f"/generations/{generation['public_id']}/cancel", json={"telegram_id": somebody})

        assert (await shop.http.get(f"/users/{somebody}/trial")).json()["trial_available"] is True

    async def test_twice_is_once(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        generation = await shop.order(somebody)
        path = f"/generations/{generation['id']}/cancel"

        answers = await asyncio.gather(*(shop.http.post(path, json={"telegram_id": somebody}) for _ in range(10)))

        assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "cancelled")}
        assert await shop.balance(somebody) == (5, 0)
        await shop.check_books()

    async def refuse_to_cancel(self, shop: Shop, generation: dict[str, Any], telegram_id: int) -> None:
        answer = await shop.http.post(f"/generations/{generation['id']}/cancel", json={"telegram_id": telegram_id})
        assert (answer.status_code, answer.json()["code"]) == (409, "already_sent")

    async def test_is_too_late_once_it_is_at_the_provider(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(5)
        generation = await busy_shop.order(somebody, prompt="[sim:delay=1]")
        async with asyncio.timeout(10):
            while not await busy_shop.submits_seen():
                await asyncio.sleep(0.02)

        await self.refuse_to_cancel(busy_shop, generation, somebody)

        assert (await busy_shop.follow(generation, somebody))["status"] == "completed"
        assert await busy_shop.balance(somebody) == (4, 0)
        await busy_shop.check_books()

    async def test_is_too_late_once_it_has_ended(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(5)
        generation = await busy_shop.follow(await busy_shop.order(somebody), somebody)

        await self.refuse_to_cancel(busy_shop, generation, somebody)

    async def test_is_not_for_others(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(5))

        answer = await shop.http.post(f"/generations/{generation['id']}/cancel", json={"telegram_id": await shop.rich_user(1)})

        assert (answer.status_code, answer.json()["code"]) == (404, "generation_not_found")

    @pytest.mark.case(6)
    async def test_and_a_worker_that_claims_it_agree_on_one_end(self, shop: Shop) -> None:
        people = [await shop.rich_user(1) for _ in range(20)]
        orders = [await shop.order(person, prompt=f"number {person}") for person in people]

        async with running.worker(shop.settings):
            answers = await asyncio.gather(
                *(
                    shop.http.post(f"/generations/{order['id']}/cancel", json={"telegram_id": person})
                    for order, person in zip(orders, people, strict=True)
                )
            )
            ends = await asyncio.gather(*(shop.follow(o, p) for o, p in zip(orders, people, strict=True)))

        sent = {entry["body"]["prompt"] for entry in await shop.submits_seen()}
        for answer, end, person in zip(answers, ends, people, strict=True):
            assert (answer.status_code == 200) == (end["status"] == "cancelled") == (f"number {person}" not in sent)
            assert answer.status_code == 200 or answer.json()["code"] == "already_sent"
            assert await shop.balance(person) == (int(answer.status_code == 200), 0)
        await shop.check_books()
