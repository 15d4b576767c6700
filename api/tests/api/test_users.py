"""Users over HTTP: sync, balance, trial."""

import asyncio
from datetime import datetime

from tests.factories import Shop, changed, new_telegram_id, open_shop

SOMEBODY = {"username": "bobur", "first_name": "Бобур", "last_name": "O‘g‘li", "language_code": "uz"}  # noqa: RUF001


class TestSync:
    async def test_creates_a_user(self, shop: Shop) -> None:
        telegram_id = new_telegram_id()

        answer = await shop.http.post("/users/sync", json={"telegram_id": telegram_id, **SOMEBODY})

        body = answer.json()
        assert answer.status_code == 200
        assert set(body) == {"id", "telegram_id", *SOMEBODY, "created_at", "updated_at"}
        assert {name: body[name] for name in SOMEBODY} == SOMEBODY
        assert body["telegram_id"] == telegram_id
        assert body["created_at"].endswith("Z")
        assert datetime.fromisoformat(body["created_at"]).utcoffset() is not None

    async def test_takes_over_what_telegram_says_now(self, shop: Shop) -> None:
        telegram_id = new_telegram_id()
        first = (await shop.http.post("/users/sync", json={"telegram_id": telegram_id, **SOMEBODY})).json()

        second = (await shop.http.post("/users/sync", json={"telegram_id": telegram_id, "username": "b2"})).json()

        assert (second["id"], second["username"], second["created_at"]) == (first["id"], "b2", first["created_at"])
        assert second["updated_at"] > first["updated_at"]

    async def test_keeps_what_is_left_out_and_clears_what_is_null(self, shop: Shop) -> None:
        telegram_id = new_telegram_id()
        await shop.http.post("/users/sync", json={"telegram_id": telegram_id, **SOMEBODY})

        body = (await shop.http.post("/users/sync", json={"telegram_id": telegram_id, "last_name": None})).json()

        assert {name: body[name] for name in SOMEBODY} == SOMEBODY | {"last_name": None}

    async def test_creates_one_user_when_sent_a_hundred_times_at_once(self, shop: Shop) -> None:
        telegram_id = new_telegram_id()
        bodies = [{"telegram_id": telegram_id, "username": f"u{n}"} for n in range(100)]

        answers = await asyncio.gather(*(shop.http.post("/users/sync", json=body) for body in bodies))

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert await shop.eyes.fetchval("SELECT count(*) FROM users") == 1

    async def test_takes_the_largest_id_that_telegram_promises(self, shop: Shop) -> None:
        answer = await shop.http.post("/users/sync", json={"telegram_id": 2**52 - 1})

        assert answer.json()["telegram_id"] == 2**52 - 1

    async def test_refuses_what_is_not_valid_by_name(self, shop: Shop) -> None:
        wrong = {
            "telegram_id": [0, -5, 2**52, "7", 1.5, None, True],
            "username": ["x" * 65, "a\x00b", 7, ["x"]],
            "first_name": ["x" * 257, "\x00"],
            "last_name": ["x" * 257, {}],
            "language_code": ["x" * 36, "\x00"],
            "balance": [1],
        }
        bodies = [{"telegram_id": 1, name: value} for name, values in wrong.items() for value in values]

        answers = await asyncio.gather(*(shop.http.post("/users/sync", json=body) for body in bodies))

        seen = [(answer.status_code, answer.json()["code"], answer.json()["errors"][0]["field"]) for answer in answers]
        assert seen == [(422, "validation_error", name) for name, values in wrong.items() for _ in values]
        assert await shop.eyes.fetchval("SELECT count(*) FROM users") == 0


class TestBalance:
    async def test_is_404_for_somebody_unknown(self, shop: Shop) -> None:
        answer = await shop.http.get(f"/users/{new_telegram_id()}/balance")

        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")

    async def test_is_zero_for_a_user_without_a_wallet(self, shop: Shop) -> None:
        telegram_id = new_telegram_id()
        user = (await shop.http.post("/users/sync", json={"telegram_id": telegram_id})).json()

        body = (await shop.http.get(f"/users/{telegram_id}/balance")).json()

        assert body == {"user_id": user["id"], "telegram_id": telegram_id, "balance": 0, "held": 0}

    async def test_shows_what_a_running_generation_has_reserved(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        await shop.order(somebody)

        assert await shop.balance(somebody) == (4, 1)

    async def test_refuses_an_id_that_cannot_be(self, shop: Shop) -> None:
        for wrong in ("0", "-1", "x", str(2**52), "1e3", "%00"):
            assert (await shop.http.get(f"/users/{wrong}/balance")).status_code == 422, wrong


class TestTrial:
    async def test_is_404_for_somebody_unknown(self, shop: Shop) -> None:
        answer = await shop.http.get(f"/users/{new_telegram_id()}/trial")

        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")

    async def test_is_available_to_a_new_user(self, shop: Shop) -> None:
        telegram_id = new_telegram_id()
        user = (await shop.http.post("/users/sync", json={"telegram_id": telegram_id})).json()

        body = (await shop.http.get(f"/users/{telegram_id}/trial")).json()

        assert body == {
            "user_id": user["id"],
            "telegram_id": telegram_id,
            "trial_available": True,
            "used_count": 0,
            "limit": 1,
        }

    async def test_is_taken_while_its_generation_runs(self, shop: Shop) -> None:
        telegram_id = new_telegram_id()
        await shop.order(telegram_id)

        body = (await shop.http.get(f"/users/{telegram_id}/trial")).json()

        assert (body["trial_available"], body["used_count"]) == (False, 1)

    async def test_is_given_back_when_its_generation_fails(self, busy_shop: Shop) -> None:
        telegram_id = new_telegram_id()
        await busy_shop.follow(await busy_shop.order(telegram_id, prompt="[sim:fail=1200]"), telegram_id)

        body = (await busy_shop.http.get(f"/users/{telegram_id}/trial")).json()

        assert (body["trial_available"], body["used_count"]) == (True, 0)

    async def test_is_none_where_none_are_given(self, shop: Shop) -> None:
        async with open_shop(changed(shop.settings, trial_generations=0), shop.simulator) as strict:
            telegram_id = new_telegram_id()
            await strict.http.post("/users/sync", json={"telegram_id": telegram_id})
            body = (await strict.http.get(f"/users/{telegram_id}/trial")).json()
            order = await strict.submit(telegram_id)

        assert (body["trial_available"], body["used_count"], body["limit"]) == (False, 0, 0)
        assert (order.status_code, order.json()["code"]) == (402, "insufficient_credits")
