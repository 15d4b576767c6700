"""Idempotency-Key: one tap is one action, however often it is sent."""

import asyncio
import uuid

import pytest

from tests.factories import BOT_KEY, Shop, an_order, new_telegram_id


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


class TestSubmit:
    async def test_answers_a_repeat_with_the_first_answer(self, shop: Shop) -> None:
        somebody, headers = new_telegram_id(), keyed(uuid.uuid4().hex)

        first = await shop.http.post("/generations/submit", json=an_order(somebody), headers=headers)
        again = await shop.http.post("/generations/submit", json=an_order(somebody, size=None), headers=headers)

        assert (first.status_code, again.status_code) == (202, 202)
        assert again.json() == first.json()
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_requests") == 1

    @pytest.mark.case(4)
    async def test_refuses_another_body_under_the_same_key(self, shop: Shop) -> None:
        somebody, headers = new_telegram_id(), keyed("once")
        await shop.http.post("/generations/submit", json=an_order(somebody), headers=headers)

        other = await shop.http.post("/generations/submit", json=an_order(somebody, prompt="else"), headers=headers)

        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_requests") == 1

    @pytest.mark.case(3)
    async def test_fifty_at_once_with_one_key_are_one_generation(self, shop: Shop) -> None:
        somebody, headers = await shop.rich_user(10), keyed("fifty")

        answers = await asyncio.gather(
            *(shop.http.post("/generations/submit", json=an_order(somebody), headers=headers) for _ in range(50))
        )

        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.text for answer in answers}) == 1
        assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 49
        assert await shop.balance(somebody) == (9, 1)
        await shop.check_books()

    async def test_lets_a_refused_request_be_tried_again(self, shop: Shop) -> None:
        somebody, headers = await shop.rich_user(1), keyed("poor")
        await shop.grant(somebody, -1)
        refused = await shop.http.post("/generations/submit", json=an_order(somebody), headers=headers)
        await shop.grant(somebody, 1)

        accepted = await shop.http.post("/generations/submit", json=an_order(somebody), headers=headers)

        assert (refused.status_code, accepted.status_code) == (402, 202)

    async def test_waits_for_the_first_one_and_then_gives_up_politely(self, shop: Shop) -> None:
        caller = await caller_id(shop)
        await shop.eyes.execute("BEGIN")
        await shop.eyes.execute("INSERT INTO idempotency_keys (caller, key, fingerprint) VALUES ($1, 'held', '')", caller)
        try:
            refused = await shop.http.post("/generations/submit", json=an_order(new_telegram_id()), headers=keyed("held"))
        finally:
            await shop.eyes.execute("ROLLBACK")

        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_in_flight")
        assert refused.headers["Retry-After"] == "1"

    async def test_refuses_a_key_that_is_none(self, shop: Shop) -> None:
        refused = await shop.http.post("/generations/submit", json=an_order(new_telegram_id()), headers=keyed("x" * 256))

        assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")


class TestAdminCredits:
    async def test_gives_once_however_often_it_is_sent(self, shop: Shop) -> None:
        body = {"telegram_id": new_telegram_id(), "amount": 7, "reason": "gift"}

        answers = await asyncio.gather(*(shop.http.post("/admin/credits", json=body, headers=keyed("gift-1")) for _ in range(20)))

        assert {(answer.status_code, answer.json()["balance"]) for answer in answers} == {(200, 7)}
        assert len({answer.json()["entry_id"] for answer in answers}) == 1
        await shop.check_books()

    async def test_keeps_who_and_why(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        body = {"telegram_id": somebody, "amount": 7, "reason": "gift"}
        await shop.http.post("/admin/credits", json=body, headers=keyed("gift-2"))

        statement = (await shop.http.get(f"/users/{somebody}/ledger")).json()

        assert [(item["amount"], item["entry_type"], item["description"]) for item in statement["items"]] == [(7, "grant", "gift")]
        assert await shop.eyes.fetchval("SELECT actor FROM ledger_transfers LIMIT 1") == await caller_id(shop)

    async def test_never_takes_more_than_there_is(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        await shop.grant(somebody, 3)
        body = {"telegram_id": somebody, "amount": -4, "reason": "mistake"}

        refused = await shop.http.post("/admin/credits", json=body, headers=keyed("back"))

        assert (refused.status_code, refused.json()["balance"], refused.json()["required"]) == (402, 3, 4)

    async def test_wants_a_key(self, shop: Shop) -> None:
        refused = await shop.http.post("/admin/credits", json={"telegram_id": 5, "amount": 1, "reason": "gift"})

        assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")

    async def test_refuses_nothing_at_all(self, shop: Shop) -> None:
        body = {"telegram_id": 5, "amount": 0, "reason": "gift"}

        refused = await shop.http.post("/admin/credits", json=body, headers=keyed("zero"))

        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "amount")


async def caller_id(shop: Shop) -> str:
    """How the key of these tests is known to what is kept per caller."""
    await shop.http.post("/admin/credits", json={"telegram_id": 1, "amount": 1, "reason": "who"}, headers=keyed("who-am-i"))
    caller: str = await shop.eyes.fetchval("SELECT caller FROM idempotency_keys WHERE key = 'who-am-i'")
    assert BOT_KEY not in caller
    return caller
