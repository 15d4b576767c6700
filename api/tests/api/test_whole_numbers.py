"""JSON has one kind of number, and its schema calls 301.0 an integer too: some clients write all their numbers with a point."""

import pytest

from tests.factories import Shop, new_telegram_id


class TestAWholeNumberWithAPoint:
    async def test_is_the_number_that_it_is(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        one = {"telegram_id": float(somebody)}

        synced = await shop.http.post("/users/sync", json=one)
        grant = one | {"amount": 7.0, "reason": "gift"}
        granted = await shop.http.post("/admin/credits", json=grant, headers={"Idempotency-Key": "gift-1"})
        bought = await shop.http.post("/payments/orders", json=one | {"package_id": 1.0}, headers={"Idempotency-Key": "order-1"})
        ordered = await shop.http.post("/generations/submit", json=one | {"model_id": 1.0, "max_price": 4e0, "prompt": "a dove"})

        assert (synced.status_code, synced.json()["telegram_id"]) == (200, somebody)
        assert (granted.status_code, granted.json()["balance"]) == (200, 7)
        assert (bought.status_code, ordered.status_code) == (201, 202)

    @pytest.mark.parametrize("number", ["1.5", "1e400", "-1e400", "NaN", "1e300", "4503599627370496.0", "0.0", '"301.0"'])
    async def test_is_refused_like_any_other_one_that_cannot_be(self, shop: Shop, number: str) -> None:
        answer = await shop.http.post(
            "/users/sync", content=f'{{"telegram_id": {number}}}', headers={"content-type": "application/json"}
        )

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "telegram_id")
