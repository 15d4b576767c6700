"""Payments in Stars through the API, as a bot uses it: orders before invoices, and credits for money that came."""

from typing import Any

import pytest

from tests.factories import Shop, new_telegram_id
from tests.payments import FIFTY, TEN, a_paid_order, an_order_of_credits, buy, money_for, moves, new_charge_id, pay, tell_of_refund


async def approve(shop: Shop, order: dict[str, Any], **other: Any) -> dict[str, Any]:
    answer = await shop.http.post("/payments/pre-checkout", json=money_for(order, **other))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def stored(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.http.get(f"/payments/orders/{order['id']}", params={"telegram_id": order["telegram_id"]})
    told: dict[str, Any] = answer.json()
    return told


async def let_time_pass(shop: Shop, order: dict[str, Any]) -> None:
    await shop.eyes.execute("UPDATE payment_orders SET expires_at = now() - interval '1 s' WHERE public_id = $1", order["id"])


REFUSED = {"ok": False}
TAKEN = {"ok": True, "code": None}
WRONG = {
    "another amount": ({"total_amount": 49}, "wrong_amount"),
    "another currency": ({"currency": "USD"}, "wrong_currency"),
    "another person": ({"telegram_id": 77}, "wrong_user"),
}


class TestPackages:
    async def test_are_those_on_sale_in_their_order(self, shop: Shop) -> None:
        await shop.eyes.execute("UPDATE payment_packages SET position = 5 WHERE credits = 300")
        await shop.eyes.execute("UPDATE payment_packages SET is_active = false WHERE credits = 50")

        packages = (await shop.http.get("/payments/packages")).json()

        assert [each["credits"] for each in packages] == [300, 10, 100]
        assert {(each["currency"], each["is_active"]) for each in packages} == {("XTR", True)}


class TestOrder:
    async def test_is_made_for_somebody_new_at_the_price_of_now(self, shop: Shop) -> None:
        order = await an_order_of_credits(shop, package_id=FIFTY)

        await shop.eyes.execute("UPDATE payment_packages SET price_stars = 1, credits = 1")

        assert (order["credits"], order["price_stars"], order["status"], order["paid_at"]) == (50, 225, "pending", None)
        assert await stored(shop, order) == order
        assert await approve(shop, order) == TAKEN

    async def test_with_the_same_key_is_the_same(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        first, again = [await buy(shop, somebody, key="k") for _ in range(2)]
        other = await buy(shop, somebody, FIFTY, key="k")

        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
        await shop.check_books()

    async def test_needs_a_key_and_a_package_on_sale(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        without_key = await shop.http.post("/payments/orders", json={"telegram_id": somebody, "package_id": TEN})
        await shop.eyes.execute("UPDATE payment_packages SET is_active = false WHERE id = $1", TEN)

        assert without_key.status_code == 422
        for package_id in (TEN, 99):
            answer = await buy(shop, somebody, package_id)
            assert (answer.status_code, answer.json()["code"]) == (404, "package_not_found")

    async def test_of_somebody_else_is_not_there(self, shop: Shop) -> None:
        order = await an_order_of_credits(shop)

        answer = await shop.http.get(f"/payments/orders/{order['id']}", params={"telegram_id": new_telegram_id()})

        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")

    async def test_reads_as_expired_when_its_time_is_over(self, shop: Shop) -> None:
        order = await an_order_of_credits(shop)
        await let_time_pass(shop, order)

        assert (await stored(shop, order))["status"] == "expired"


class TestPreCheckout:
    @pytest.mark.parametrize(("other", "code"), WRONG.values(), ids=WRONG.keys())
    async def test_refuses_what_does_not_fit(self, shop: Shop, other: dict[str, Any], code: str) -> None:
        assert await approve(shop, await an_order_of_credits(shop), **other) == REFUSED | {"code": code}

    @pytest.mark.parametrize("payload", ["019e5d2a-6b1c-7c52-9d39-1f6f2a3b4c5d", "an invoice of long ago", ""])
    async def test_refuses_an_order_that_nobody_made(self, shop: Shop, payload: str) -> None:
        told = await approve(shop, await an_order_of_credits(shop), payload=payload)

        assert told == REFUSED | {"code": "order_not_found"}

    async def test_refuses_an_order_whose_time_is_over_unless_it_was_approved(self, shop: Shop) -> None:
        late, approved = [await an_order_of_credits(shop) for _ in range(2)]
        await approve(shop, approved)
        for order in (late, approved):
            await let_time_pass(shop, order)

        assert await approve(shop, late) == REFUSED | {"code": "order_expired"}
        assert await approve(shop, approved) == TAKEN

    async def test_refuses_an_order_that_is_paid(self, shop: Shop) -> None:
        order, _ = await a_paid_order(shop)

        assert await approve(shop, order) == REFUSED | {"code": "order_paid"}


class TestCharge:
    async def test_credits_once_however_often_it_is_told(self, shop: Shop) -> None:
        order, charge_id = await an_order_of_credits(shop, package_id=FIFTY), new_charge_id()

        first, again = [(await pay(shop, order, charge_id)).json() for _ in range(2)]

        assert (first["balance"], first["is_new"], first["order"]["status"]) == (50, True, "paid")
        assert again == first | {"is_new": False}
        assert await moves(shop, order["telegram_id"]) == [("topup", 50)]
        await shop.check_books()

    @pytest.mark.parametrize(("other", "reason"), WRONG.values(), ids=WRONG.keys())
    async def test_of_what_does_not_fit_credits_nothing(self, shop: Shop, other: dict[str, Any], reason: str) -> None:
        order = await an_order_of_credits(shop)

        answer = await pay(shop, order, **other)

        assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (409, "payment_mismatch", reason)
        assert (await stored(shop, order))["status"] == "pending"
        await shop.check_books()

    @pytest.mark.parametrize("payload", ["019e5d2a-6b1c-7c52-9d39-1f6f2a3b4c5d", "an invoice of long ago"])
    async def test_for_an_order_that_nobody_made_credits_nothing(self, shop: Shop, payload: str) -> None:
        answer = await pay(shop, await an_order_of_credits(shop), payload=payload)

        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")

    async def test_that_paid_another_order_before_credits_nothing(self, shop: Shop) -> None:
        paid, charge_id = await a_paid_order(shop)
        other = await an_order_of_credits(shop, paid["telegram_id"])

        answer = await pay(shop, other, charge_id)

        assert (answer.status_code, answer.json()["reason"]) == (409, "another_order")
        assert await moves(shop, paid["telegram_id"]) == [("topup", 10)]
        await shop.check_books()

    async def test_that_comes_late_is_credited(self, shop: Shop) -> None:
        order = await an_order_of_credits(shop)
        await let_time_pass(shop, order)

        assert (await pay(shop, order)).json()["balance"] == 10
        await shop.check_books()

    async def test_that_comes_twice_for_one_order_is_credited_twice(self, shop: Shop) -> None:
        order, _ = await a_paid_order(shop)
        charge_id = new_charge_id()

        second, again = [(await pay(shop, order, charge_id)).json() for _ in range(2)]

        assert (second["balance"], second["is_new"], second["order"]["status"]) == (20, True, "paid")
        assert second["order"]["id"] != order["id"]
        assert again == second | {"is_new": False}
        assert await moves(shop, order["telegram_id"]) == [("topup", 10), ("topup", 10)]
        await shop.check_books()

    async def test_to_a_frozen_wallet_is_credited(self, shop: Shop) -> None:
        order = await an_order_of_credits(shop)
        await shop.grant(order["telegram_id"], 1)
        await shop.eyes.execute(
            "INSERT INTO ledger_freezes (account_id, invariant, violation, evidence)"
            " SELECT id, 'I1', 'a test', 'a test' FROM ledger_accounts WHERE kind = 'wallet'"
        )

        assert (await pay(shop, order)).json()["balance"] == 11


class TestRefundNotice:
    async def test_takes_the_credits_once(self, shop: Shop) -> None:
        order, charge_id = await a_paid_order(shop)

        first, again = [(await tell_of_refund(shop, order, charge_id)).json() for _ in range(2)]

        assert (first["balance"], first["is_new"], first["order"]["status"]) == (0, True, "refunded")
        assert again == first | {"is_new": False}
        assert await moves(shop, order["telegram_id"]) == [("topup", 10), ("refund", -10)]
        assert await approve(shop, order) == REFUSED | {"code": "order_paid"}
        await shop.check_books()

    async def test_takes_what_is_left_and_never_more(self, shop: Shop) -> None:
        order, charge_id = await a_paid_order(shop)
        await shop.grant(order["telegram_id"], -7)

        told = (await tell_of_refund(shop, order, charge_id)).json()

        assert (told["balance"], told["order"]["status"]) == (0, "refunded")
        assert await moves(shop, order["telegram_id"]) == [("topup", 10), ("refund", -3)]
        assert await shop.eyes.fetchval("SELECT shortfall FROM payment_refunds") == 7
        await shop.check_books()

    async def test_of_credits_that_are_all_spent_takes_none(self, shop: Shop) -> None:
        order, charge_id = await a_paid_order(shop)
        await shop.grant(order["telegram_id"], -10)

        assert (await tell_of_refund(shop, order, charge_id)).json()["balance"] == 0
        assert await moves(shop, order["telegram_id"]) == [("topup", 10)]
        await shop.check_books()

    async def test_of_a_payment_nobody_knows_is_refused(self, shop: Shop) -> None:
        order, charge_id = await a_paid_order(shop)
        strangers = order | {"telegram_id": new_telegram_id()}

        for told in (await tell_of_refund(shop, order, "stx-nobody"), await tell_of_refund(shop, strangers, charge_id)):
            assert (told.status_code, told.json()["code"]) == (404, "charge_not_found")
        assert await shop.balance(order["telegram_id"]) == (10, 0)
