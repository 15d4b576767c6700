"""Bans: from the answer on nothing is done by or for the person, but for what a service key reads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest

from app.core.config import Settings
from simulator.server import RunningSimulator
from tests import running
from tests.credentials import BOT_TOKEN, init_data, tma
from tests.factories import NO_TLS, Shop, an_order, changed, new_telegram_id, open_shop
from tests.payments import an_order_of_credits, buy, money_for, pay
from tests.pictures import a_picture


@pytest.fixture
async def mini_app_shop(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Shop]:
    async with open_shop(changed(settings, bot_token=BOT_TOKEN), simulator) as shop:
        yield shop


def told(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code") if answer.is_error else None


BANNED = (403, "banned")
USERS_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('generation of user ' || CAST($1::bigint AS text), 0))"


class TestServiceKey:
    async def test_does_nothing_for_a_banned_person(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        waits = await shop.order(somebody)
        await shop.ban(somebody)
        mine = {"telegram_id": somebody}

        refused = {
            "submit": await shop.submit(somebody),
            "cancel": await shop.http.post(f"/generations/{waits['id']}/cancel", json=mine),
            "refresh": await shop.http.post(f"/generations/{waits['id']}/refresh", json=mine),
            "sync": await shop.http.post("/users/sync", json={**mine, "username": "new"}),
            "prefer": await shop.http.put(f"/users/{somebody}/preferences", json={"language": "uz"}),
        }

        assert {name: told(answer) for name, answer in refused.items()} == dict.fromkeys(refused, BANNED)
        assert await shop.eyes.fetchval("SELECT username FROM users WHERE telegram_id = $1", somebody) is None

    async def test_takes_no_order_from_a_banned_person_in_whose_way_is_nothing_else(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        await shop.ban(somebody)

        assert told(await shop.submit(somebody)) == BANNED
        assert await shop.balance(somebody) == (5, 0)

    async def test_reads_what_is_a_banned_persons(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        waits = await shop.order(somebody)
        await shop.ban(somebody)
        whose = {"telegram_id": somebody}

        for path, query in (
            (f"/users/{somebody}/balance", {}),
            (f"/users/{somebody}/ledger", {}),
            (f"/users/{somebody}/trial", {}),
            (f"/users/{somebody}/preferences", {}),
            (f"/generations/{waits['id']}", whose),
            (f"/generations/{waits['id']}/results", whose),
            (f"/generations/{waits['id']}/files", whose),
            ("/generations", whose),
            ("/generations/active", whose),
        ):
            assert (await shop.http.get(path, params=query)).status_code == 200, path

    async def test_sells_no_credits_and_still_credits_money_that_came(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        order = await an_order_of_credits(shop, somebody)
        await shop.ban(somebody)
        told_before = (await shop.http.post("/payments/pre-checkout", json=money_for(order))).json()

        assert told(await buy(shop, somebody)) == BANNED
        assert told_before == {"ok": False, "code": "banned"}
        assert (await pay(shop, order)).status_code == 200
        assert await shop.balance(somebody) == (15, 0)

    async def test_gets_no_answer_of_an_earlier_order_again(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        asked: dict[str, Any] = {"json": an_order(somebody), "headers": {"Idempotency-Key": "tap"}}
        first = await shop.http.post("/generations/submit", **asked)
        await shop.ban(somebody)

        assert first.status_code == 202
        assert told(await shop.http.post("/generations/submit", **asked)) == BANNED

    async def test_may_take_credits_back_from_a_banned_person(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        await shop.ban(somebody)
        body = {"telegram_id": somebody, "amount": -5, "reason": "stolen"}

        answer = await shop.http.post("/admin/credits", json=body, headers={"Idempotency-Key": "back"})

        assert (answer.status_code, answer.json()["balance"]) == (200, 0)

    async def test_delivers_what_was_running(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        running_one = await shop.order(somebody, client_context={"chat_id": somebody})
        await shop.ban(somebody)
        async with running.worker(shop.settings):
            ended = await shop.follow(running_one, somebody)

        assert ended["status"] == "completed"
        assert [item["generation"]["id"] for item in await shop.claim()] == [ended["id"]]


class TestTelegramUser:
    async def test_is_refused_everything(self, mini_app_shop: Shop) -> None:
        shop = mini_app_shop
        somebody = await shop.rich_user(5)
        waits = await shop.order(somebody)
        await shop.ban(somebody)
        mine = {"telegram_id": somebody}
        async with httpx2.AsyncClient(
            base_url=f"{shop.base_url}/api/v1", headers=tma(init_data(somebody)), verify=NO_TLS
        ) as person:
            refused = {
                "submit": await person.post("/generations/submit", json=an_order(somebody)),
                "balance": await person.get(f"/users/{somebody}/balance"),
                "statement": await person.get(f"/users/{somebody}/ledger"),
                "history": await person.get("/generations", params=mine),
                "active": await person.get("/generations/active", params=mine),
                "one": await person.get(f"/generations/{waits['id']}", params=mine),
                "events": await person.get(f"/generations/{waits['id']}/events", params=mine),
                "cancel": await person.post(f"/generations/{waits['id']}/cancel", json=mine),
                "upload": await person.post("/media/upload", files={"file": ("a.png", a_picture("PNG"), "image/png")}),
            }

        assert {name: told(answer) for name, answer in refused.items()} == dict.fromkeys(refused, BANNED)

    async def test_is_served_again_when_the_ban_is_taken_back(self, mini_app_shop: Shop) -> None:
        somebody = await mini_app_shop.rich_user(5)
        await mini_app_shop.ban(somebody)
        await mini_app_shop.http.post(f"/admin/users/{somebody}/unban", json={})
        async with httpx2.AsyncClient(
            base_url=f"{mini_app_shop.base_url}/api/v1", headers=tma(init_data(somebody)), verify=NO_TLS
        ) as person:
            assert (await person.get(f"/users/{somebody}/balance")).status_code == 200
            assert (await person.post("/generations/submit", json=an_order(somebody))).status_code == 202


class TestDeeds:
    async def test_are_written_down_once_with_their_actor(self, shop: Shop) -> None:
        somebody = await shop.rich_user()
        for _ in range(2):
            answer = await shop.ban(somebody, "spam")
        await shop.ban(somebody, "another reason")
        for _ in range(2):
            await shop.http.post(f"/admin/users/{somebody}/unban", json={})

        rows = await shop.eyes.fetch("SELECT actor, action, reason FROM operator_actions ORDER BY id")
        assert answer.json()["ban_reason"] == "spam"
        assert [(row["action"], row["reason"]) for row in rows] == [("ban", "spam"), ("unban", None)]
        assert rows[0]["actor"] == "telegram:77"
        assert rows[1]["actor"].startswith("key:")

    @pytest.mark.parametrize(
        "change", ["UPDATE operator_actions SET reason = 'other'", "DELETE FROM operator_actions", "TRUNCATE operator_actions"]
    )
    async def test_are_never_changed(self, shop: Shop, change: str) -> None:
        await shop.ban(await shop.rich_user())

        with pytest.raises(asyncpg.PostgresError):
            await shop.eyes.execute(change)
        superuser = await asyncpg.connect(shop.settings.database_dsn.replace("://rassom@", "://postgres@"))  # type: ignore[union-attr]
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await superuser.execute(change)
        await superuser.close()

    async def test_of_somebody_nobody_knows_are_refused(self, shop: Shop) -> None:
        assert told(await shop.ban(new_telegram_id())) == (404, "user_not_found")


class TestRace:
    async def test_nothing_is_taken_after_the_bans_answer(self, shop: Shop) -> None:
        somebody = await shop.rich_user(50)
        taps = [shop.submit(somebody) for _ in range(8)]
        answers = await asyncio.gather(*taps[:4], shop.ban(somebody), *taps[4:])
        taken = sum(answer.status_code == 202 for answer in answers)

        assert told(await shop.submit(somebody)) == BANNED
        # What was taken was there before the ban was answered, and is counted in its answer.
        assert answers[4].json()["generations_total"] == taken <= 1
        await shop.check_books()

    async def test_a_ban_waits_for_the_order_that_is_being_taken(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        user_id = await shop.eyes.fetchval("SELECT id FROM users WHERE telegram_id = $1", somebody)
        order = shop.eyes.transaction()
        await order.start()
        await shop.eyes.execute(USERS_LOCK, user_id)
        async with asyncio.TaskGroup() as group:
            ban = group.create_task(shop.ban(somebody))
            await asyncio.sleep(0.3)
            assert not ban.done()
            await order.commit()

        assert ban.result().status_code == 200

    async def test_an_order_that_waits_for_the_ban_is_refused(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        user_id = await shop.eyes.fetchval("SELECT id FROM users WHERE telegram_id = $1", somebody)
        ban = shop.eyes.transaction()
        await ban.start()
        await shop.eyes.execute(USERS_LOCK, user_id)
        await shop.eyes.execute("UPDATE users SET banned_at = now(), ban_reason = 'spam' WHERE id = $1", user_id)
        async with asyncio.TaskGroup() as group:
            order = group.create_task(shop.submit(somebody))
            await asyncio.sleep(0.3)
            assert not order.done()
            await ban.commit()

        assert told(order.result()) == BANNED
        assert await shop.balance(somebody) == (5, 0)
