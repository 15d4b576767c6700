"""Deliveries: each ended generation is told once, whatever dies in between."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.domain.deliveries import jobs
from tests import running
from tests.factories import Shop, new_telegram_id

NOBODYS_CHATS = [None, {}, *({"chat_id": chat} for chat in ("7", None, True, 7.5, 0, 2**52))]


async def start(shop: Shop, item: dict[str, Any]) -> httpx2.Response:
    return await shop.http.post(f"/deliveries/{item['generation']['id']}/start", json={"epoch": item["epoch"]})


async def finish(shop: Shop, item: dict[str, Any], state: str, **more: Any) -> httpx2.Response:
    return await shop.http.post(
        f"/deliveries/{item['generation']['id']}/finish", json={"epoch": item["epoch"], "state": state, **more}
    )


async def may_send(shop: Shop, item: dict[str, Any]) -> bool:
    answer = await start(shop, item)
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["may_send"])


async def lose(shop: Shop, item: dict[str, Any]) -> None:
    """The bot that claimed it is gone, and so is its lease."""
    await shop.eyes.execute(
        "UPDATE generation_deliveries SET claimable_at = now() WHERE generation_id = $1", item["generation"]["id"]
    )


async def the_only(shop: Shop, **asked: Any) -> dict[str, Any]:
    (item,) = await shop.claim(**asked)
    return item


async def row_of(shop: Shop, item: dict[str, Any]) -> dict[str, Any]:
    return dict(await shop.eyes.fetchrow("SELECT * FROM generation_deliveries WHERE generation_id = $1", item["generation"]["id"]))


class TestClaim:
    async def test_hands_out_what_a_bot_needs_to_tell_a_picture(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user()
        await busy_shop.http.post("/users/sync", json={"telegram_id": somebody, "language_code": "ru"})
        context = {"chat_id": somebody, "message_id": 12}
        ended = await busy_shop.follow(await busy_shop.order(somebody, client_context=context), somebody)
        urls = (await busy_shop.http.get(f"/generations/{ended['id']}/results", params={"telegram_id": somebody})).json()

        item = await the_only(busy_shop)

        assert item["generation"] == ended
        assert item["generation"]["client_context"] == context
        assert (item["epoch"], item["attempt"], item["telegram_id"], item["language_code"]) == (1, 1, somebody, "ru")
        assert item["results"] == urls != []

    async def test_hands_out_failed_and_cancelled_ones_without_pictures(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user()
        order = {"prompt": "failing [sim:fail=1405]", "client_context": {"chat_id": -100_123_456}}
        await busy_shop.follow(await busy_shop.order(somebody, **order), somebody)
        item = await the_only(busy_shop)

        assert (item["generation"]["status"], item["results"]) == ("failed", [])

    async def test_speaks_the_language_that_the_user_chose(self, shop: Shop) -> None:
        ended = await shop.cancelled()
        somebody = ended["client_context"]["chat_id"]
        await shop.http.post("/users/sync", json={"telegram_id": somebody, "language_code": "ru"})
        await shop.http.put(f"/users/{somebody}/preferences", json={"language": "uz"})

        assert (await the_only(shop))["language_code"] == "uz"

    async def test_hands_out_nothing_of_whom_no_chat_is_known(self, shop: Shop) -> None:
        for context in NOBODYS_CHATS:
            await shop.cancelled(client_context=context)

        assert await shop.claim() == []
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_deliveries") == 0

    async def test_hands_out_nothing_before_the_end(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        await shop.order(somebody, client_context={"chat_id": somebody})

        assert await shop.claim() == []

    async def test_takes_no_more_than_it_was_asked_for_and_the_oldest_first(self, shop: Shop) -> None:
        ids = [(await shop.cancelled())["id"] for _ in range(3)]

        assert [item["generation"]["id"] for item in await shop.claim(2)] == ids[:2]
        assert [item["generation"]["id"] for item in await shop.claim(2)] == ids[2:]

    async def test_again_only_when_the_lease_is_over(self, shop: Shop) -> None:
        await shop.cancelled()
        first = await the_only(shop, lease_s=300)
        assert await shop.claim() == []
        await lose(shop, first)
        second = await the_only(shop)

        assert (second["epoch"], second["attempt"]) == (2, 2)


class TestStart:
    async def test_allows_the_sending_and_one_repeat_and_then_gives_up(self, shop: Shop) -> None:
        await shop.cancelled()
        allowed = []
        for _ in range(3):
            item = await the_only(shop)
            allowed.append(await may_send(shop, item))
            await lose(shop, item)

        assert allowed == [True, True, False]
        assert (await row_of(shop, item))["state"] == "given_up"
        assert await shop.claim() == []

    async def test_counts_each_sending_of_one_claim(self, shop: Shop) -> None:
        await shop.cancelled()
        item = await the_only(shop)

        assert [await may_send(shop, item) for _ in range(4)] == [True, True, False, False]

    async def test_of_a_bot_that_died_before_it_costs_nothing(self, shop: Shop) -> None:
        await shop.cancelled()
        for _ in range(5):
            await lose(shop, await the_only(shop))

        assert await may_send(shop, await the_only(shop))

    async def test_refuses_an_older_claim(self, shop: Shop) -> None:
        await shop.cancelled()
        old = await the_only(shop)
        await lose(shop, old)
        new = await the_only(shop)

        refused = await start(shop, old)

        assert (refused.status_code, refused.json()["code"]) == (409, "stale_epoch")
        assert await may_send(shop, new)

    async def test_refuses_who_stood_still_until_the_lease_was_over(self, shop: Shop) -> None:
        await shop.cancelled()
        item = await the_only(shop)
        await lose(shop, item)

        assert (await start(shop, item)).status_code == 409
        assert (await row_of(shop, item))["sends"] == 0

    async def test_allows_nothing_of_what_was_delivered(self, shop: Shop) -> None:
        await shop.cancelled()
        item = await the_only(shop)
        await finish(shop, item, "delivered")

        assert not await may_send(shop, item)

    async def test_of_what_there_is_not_is_refused(self, shop: Shop) -> None:
        answer = await shop.http.post("/deliveries/12345/start", json={"epoch": 1})

        assert (answer.status_code, answer.json()["code"]) == (404, "delivery_not_found")


class TestFinish:
    @pytest.mark.parametrize("state", ["delivered", "blocked"])
    async def test_ends_it(self, shop: Shop, state: str) -> None:
        await shop.cancelled()
        item = await the_only(shop)
        await start(shop, item)
        answer = await finish(shop, item, state)
        await lose(shop, item)

        assert (answer.status_code, answer.json()) == (200, {"state": state})
        assert await shop.claim() == []

    async def test_keeps_what_telegram_calls_the_messages(self, shop: Shop) -> None:
        await shop.cancelled()
        item = await the_only(shop)
        await finish(shop, item, "delivered", message_ids=[5, 6], file_ids=[{"photo": "AgAC"}])

        assert (await row_of(shop, item))["message_ids"] == "[5, 6]"

    async def test_may_be_said_twice(self, shop: Shop) -> None:
        for state in ("delivered", "blocked", "postponed"):
            await shop.cancelled()
            item = await the_only(shop)
            answers = [await finish(shop, item, state, retry_after_s=3600) for _ in range(2)]

            assert [answer.status_code for answer in answers] == [200, 200], state

    async def test_is_not_changed_by_another_word_of_the_same_claim(self, shop: Shop) -> None:
        await shop.cancelled()
        item = await the_only(shop)
        await finish(shop, item, "delivered")

        assert (await finish(shop, item, "postponed")).status_code == 409
        assert (await row_of(shop, item))["state"] == "delivered"

    async def test_by_an_older_claim_is_refused(self, shop: Shop) -> None:
        await shop.cancelled()
        old = await the_only(shop)
        await lose(shop, old)
        await the_only(shop)

        for state in ("delivered", "blocked", "postponed"):
            refused = await finish(shop, old, state)
            assert (refused.status_code, refused.json()["code"]) == (409, "stale_epoch")
        assert (await row_of(shop, old))["state"] == "sending"

    async def test_by_a_claim_whose_lease_is_over_is_believed_while_nobody_else_has_it(self, shop: Shop) -> None:
        await shop.cancelled()
        item = await the_only(shop)
        await start(shop, item)
        await lose(shop, item)

        assert (await finish(shop, item, "delivered")).status_code == 200
        assert await shop.claim() == []

    async def test_postponed_gives_the_sending_back_and_waits(self, shop: Shop) -> None:
        await shop.cancelled()
        for _ in range(4):
            item = await the_only(shop)
            assert await may_send(shop, item)
            assert (await finish(shop, item, "postponed")).json() == {"state": "due"}
        item = await the_only(shop)
        await finish(shop, item, "postponed", retry_after_s=30)

        waits = await shop.eyes.fetchval("SELECT claimable_at - now() FROM generation_deliveries")
        assert timedelta(seconds=25) < waits <= timedelta(seconds=30)
        assert await shop.claim() == []

    async def test_postponed_gives_nothing_back_of_an_earlier_claim(self, shop: Shop) -> None:
        await shop.cancelled()
        first = await the_only(shop)
        await start(shop, first)
        await lose(shop, first)
        second = await the_only(shop)
        await finish(shop, second, "postponed")

        assert (await row_of(shop, first))["sends"] == 1


class TestFiles:
    async def test_are_those_of_the_delivery(self, shop: Shop) -> None:
        ended = await shop.cancelled()
        mine = {"telegram_id": ended["client_context"]["chat_id"]}
        before = await shop.http.get(f"/generations/{ended['id']}/files", params=mine)
        pictures = [{"photo": "AgAC", "document": "BQAC"}, {"photo": None, "document": "BQAD"}]
        await finish(shop, await the_only(shop), "delivered", file_ids=pictures)
        after = await shop.http.get(f"/generations/{ended['public_id']}/files", params=mine)

        assert (before.status_code, before.json()) == (200, {"file_ids": []})
        assert (after.status_code, after.json()) == (200, {"file_ids": pictures})


class TestGivingUp:
    async def test_ends_what_nobody_could_tell_for_a_week(self, shop: Shop) -> None:
        old, new = await shop.cancelled(), await shop.cancelled()
        await shop.eyes.execute(
            "UPDATE generation_deliveries SET created_at = now() - interval '8 days' WHERE generation_id = $1", old["id"]
        )
        await jobs.give_up(shop.resources)

        assert [item["generation"]["id"] for item in await shop.claim()] == [new["id"]]
        assert await shop.eyes.fetchval("SELECT state FROM generation_deliveries WHERE generation_id = $1", old["id"]) == "given_up"


class TestBirth:
    async def test_is_undone_with_the_status_that_caused_it(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody, client_context={"chat_id": somebody})
        transaction = shop.eyes.transaction()
        await transaction.start()
        await shop.eyes.execute(
            "UPDATE generation_requests SET status = 'cancelled', completed_at = now() WHERE id = $1", generation["id"]
        )
        seen = await shop.eyes.fetchval("SELECT state FROM generation_deliveries")
        await transaction.rollback()

        assert seen == "due"
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_deliveries") == 0

    async def test_of_a_claim_leaves_the_books_right(self, shop: Shop) -> None:
        async with running.worker(shop.settings):
            somebody = await shop.rich_user()
            await shop.follow(await shop.order(somebody, client_context={"chat_id": somebody}), somebody)
        assert len(await shop.claim()) == 1
        await shop.check_books()
