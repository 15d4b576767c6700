"""What operators see: a person, a day; and by which indexes the database finds it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.domain.operators import queries
from tests import running
from tests.factories import Shop, as_superuser, new_telegram_id
from tests.payments import FIFTY, a_paid_order

MANY = 60_000
DAYS = 60


async def sync(shop: Shop, telegram_id: int, **more: Any) -> None:
    (await shop.http.post("/users/sync", json={"telegram_id": telegram_id, **more})).raise_for_status()


class TestPerson:
    async def test_is_shown_with_money_orders_and_ban(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        await sync(shop, somebody, username="Aziz", first_name="Aziz", language_code="uz")
        order = await shop.order(somebody)
        await shop.ban(somebody, "spam")
        seen = (await shop.http.get(f"/admin/users/{somebody}")).json()

        assert (seen["username"], seen["first_name"], seen["language_code"]) == ("Aziz", "Aziz", "uz")
        assert (seen["balance"], seen["held"], seen["trial_used"]) == (4, 1, True)
        assert (seen["generations_total"], seen["last_generation_at"]) == (1, order["created_at"])
        assert (seen["ban_reason"], seen["banned_at"] is not None) == ("spam", True)

    async def test_who_has_done_nothing_is_shown_too(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        await sync(shop, somebody)
        seen = (await shop.http.get(f"/admin/users/{somebody}")).json()

        assert (seen["balance"], seen["held"], seen["trial_used"], seen["generations_total"]) == (0, 0, False, 0)
        assert seen["last_generation_at"] is seen["banned_at"] is seen["ban_reason"] is None

    @pytest.mark.parametrize("asked", ["aziz", "AZIZ", "@Aziz"])
    async def test_is_found_by_username(self, shop: Shop, asked: str) -> None:
        somebody = new_telegram_id()
        await sync(shop, somebody, username="Aziz")
        await sync(shop, new_telegram_id(), username="Aziza")

        assert (await shop.http.get("/admin/users", params={"username": asked})).json()["telegram_id"] == somebody

    async def test_who_took_a_username_over_is_the_one_who_is_found(self, shop: Shop) -> None:
        earlier, later = new_telegram_id(), new_telegram_id()
        for somebody in (later, earlier, later):
            await sync(shop, somebody, username="aziz")

        assert (await shop.http.get("/admin/users", params={"username": "aziz"})).json()["telegram_id"] == later

    async def test_whom_nobody_knows_is_not_found(self, shop: Shop) -> None:
        for path, query in (("/admin/users/1", {}), ("/admin/users", {"username": "nobody"})):
            answer = await shop.http.get(path, params=query)
            assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


class TestCredits:
    async def test_are_given_in_the_name_of_the_operator_who_is_named(self, shop: Shop) -> None:
        body = {"telegram_id": new_telegram_id(), "amount": 3, "reason": "gift", "actor_telegram_id": 77}
        (await shop.http.post("/admin/credits", json=body, headers={"Idempotency-Key": "gift"})).raise_for_status()

        assert await shop.eyes.fetchval("SELECT actor FROM ledger_transfers WHERE entry_type = 'grant'") == "telegram:77"
        await shop.check_books()


class TestTotals:
    async def test_count_a_day(self, shop: Shop) -> None:
        somebody = await shop.rich_user(10)
        async with running.worker(shop.settings):
            await shop.follow(await shop.order(somebody), somebody)
            await shop.follow(await shop.order(somebody, prompt="failing [sim:fail=1405]"), somebody)
        await shop.cancelled()
        await shop.order(somebody)
        await a_paid_order(shop, somebody, FIFTY)
        day = await shop.eyes.fetchval("SELECT current_date::text")
        today, asked = [(await shop.http.get("/admin/totals", params=query)).json() for query in ({}, {"day": day})]

        assert today == asked
        assert {name: today[name] for name in ("day", "new_users", "generations_submitted", "active_now")} == {
            "day": day,
            "new_users": 2,
            "generations_submitted": 4,
            "active_now": 1,
        }
        assert [today[name] for name in ("completed", "failed", "cancelled")] == [1, 1, 1]
        assert [today[name] for name in ("credits_captured", "credits_granted", "credits_sold")] == [1, 10, 50]
        assert today["stars_received"] == 225

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    async def test_of_the_first_and_the_last_day_there_is_are_zeros(self, shop: Shop, day: str) -> None:
        answer = await shop.http.get("/admin/totals", params={"day": day})

        assert (answer.status_code, answer.json()["new_users"]) == (200, 0)

    @pytest.mark.parametrize("day", ["0", "1764028800", "2026-11-25T00:00:00", "2026-13-01", "yesterday"])
    async def test_are_of_a_day_and_of_nothing_else(self, shop: Shop, day: str) -> None:
        answer = await shop.http.get("/admin/totals", params={"day": day})

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "day")

    async def test_of_another_day_are_another_days(self, shop: Shop) -> None:
        await shop.cancelled()
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        seen = (await shop.http.get("/admin/totals", params={"day": yesterday})).json()

        assert seen.pop("day") == yesterday
        assert set(seen.values()) == {0}


class TestIndexes:
    async def test_find_a_day_and_a_username_in_a_long_history(self, shop: Shop) -> None:
        """A history of sixty days, a thousand of everything a day: a day is read without reading the others."""
        somebody = await shop.rich_user(10)
        await shop.order(somebody)
        superuser = await asyncpg.connect(as_superuser(str(shop.settings.database_dsn)))
        try:
            await superuser.execute("SET session_replication_role = replica")
            await superuser.execute(_HISTORY.format(many=MANY, days=DAYS))
            await superuser.execute("VACUUM (ANALYZE) users, generation_requests, ledger_entries, payment_charges")
        finally:
            await superuser.close()
        begins = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
        plan = await explain(shop, str(queries._TOTALS.text), begins=begins, ends=begins + timedelta(days=1))
        by_name = await explain(shop, "SELECT id FROM users WHERE lower(username) = lower('User7')")

        days = (
            "users_created_at",
            "generation_requests_created_at",
            "generation_requests_completed_at",
            "ledger_entries_created_at",
            "payment_charges_created_at",
        )
        assert [name for name in days if f"ix_{name}" not in plan] == []
        assert "Seq Scan" not in plan
        assert "ix_users_username_lower" in by_name


_HISTORY = """
    INSERT INTO users (telegram_id, username, created_at)
    SELECT 10000000 + n, 'user' || n, now() - make_interval(secs => ({many} - n) * 86400.0 * {days} / {many})
    FROM generate_series(1, {many}) n;
    INSERT INTO generation_requests (
        public_id, user_id, model_id, prompt, status, input_params, references_count, cost, hold_id, request_id, deadline_at,
        created_at, completed_at
    )
    SELECT gen_random_uuid(), 1, 1, 'a door', 'completed', '{{}}', 0, 1, 1000000 + n, 'none', now(), at, at + interval '20 seconds'
    FROM generate_series(1, {many}) n
    CROSS JOIN LATERAL (SELECT now() - make_interval(secs => ({many} - n) * 86400.0 * {days} / {many}) AS at) moment;
    INSERT INTO ledger_entries (
        transfer_id, account_id, account_kind, seq, amount, balance_after, entry_type, created_at, prev_hash, hash
    )
    SELECT 1000000 + n, 1, 'revenue', 1000000 + n, 1, 1, 'generation_capture',
        now() - make_interval(secs => ({many} - n) * 86400.0 * {days} / {many}), '', ''
    FROM generate_series(1, {many}) n;
    INSERT INTO payment_charges (telegram_charge_id, order_id, user_id, amount, transfer_id, source, created_at)
    SELECT 'stx' || n, n, 1, 50, n, 'update', now() - make_interval(secs => ({many} - n) * 86400.0 * {days} / {many})
    FROM generate_series(1, {many}) n;
"""


async def explain(shop: Shop, statement: str, **values: Any) -> str:
    async with shop.resources.reading() as session:
        rows = (await session.execute(text(f"EXPLAIN {statement}"), values)).scalars().all()
    return "\n".join(rows)
