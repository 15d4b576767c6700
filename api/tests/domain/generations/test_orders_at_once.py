"""An everyday order is stored in one statement: with what an order in steps leaves, or not at all."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from app.domain.catalogue import service as catalogue
from app.domain.generations import admission
from app.domain.idempotency import service as idempotency
from tests.factories import Shop, an_order, new_telegram_id

USERS_LOCK = "SELECT pg_advisory_lock(hashtextextended('generation of user ' || id::text, 0)) FROM users WHERE telegram_id = $1"
TABLES = (
    "trial_uses",
    "ledger_transfers",
    "ledger_entries",
    "generation_requests",
    "generation_jobs",
    "generation_events",
    "generation_references",
    "pgqueuer",
    "pgqueuer_log",
    "idempotency_keys",
)
OF_ONE_ORDER = frozenset(
    [
        "id",
        "public_id",
        "user_id",
        "account_id",
        "transfer_id",
        "hold_id",
        "trial_use_id",
        "generation_id",
        "job_id",
        "token",
        "request_id",
        "reference_id",
        "hash",
        "prev_hash",
        "fingerprint",
        "key",
        "dedupe_key",
        "payload",
        "effect",
        "telegram_id",
        "created",
        "updated",
        "heartbeat",
        "execute_after",
        "seq",
        "balance_after",
        "queue_position",
    ]
)
"""What is another one for each order; that it is there, or is not, is compared all the same."""


def bare(value: Any, name: str = "") -> Any:
    """The value without what belongs to one order alone."""
    if isinstance(value, dict):
        return {key: bare(inside, key) for key, inside in value.items()}
    if isinstance(value, list):
        return [bare(inside) for inside in value]
    return type(value).__name__ if name in OF_ONE_ORDER or name.endswith("_at") else value


async def counted(shop: Shop) -> dict[str, int]:
    return {table: await shop.eyes.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608 - our tables


async def left_by_an_order(shop: Shop, telegram_id: int, key: str) -> dict[str, list[Any]]:
    """What is in the tables afterwards that was not before, the newest rows of each."""
    before = await counted(shop)
    body = {"telegram_id": telegram_id, "model_id": 1, "prompt": "a door", "size": "1024*1024", "client_context": {"chat_id": 7}}
    answer = await shop.http.post("/generations/submit", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    left = {}
    for table, count in (await counted(shop)).items():
        newest = f"SELECT to_jsonb(row)::text AS it FROM {table} row ORDER BY id DESC LIMIT $1"  # noqa: S608 - likewise
        rows = await shop.eyes.fetch(newest, count - before[table])
        left[table] = [bare(json.loads(row["it"])) for row in reversed(rows)]
    return left


class TestOrderAtOnce:
    @pytest.mark.parametrize("pays", [True, False], ids=["paid for with credits", "for a free picture"])
    async def test_leaves_what_an_order_in_steps_leaves(self, shop: Shop, monkeypatch: pytest.MonkeyPatch, pays: bool) -> None:
        people = [await shop.rich_user(5) if pays else new_telegram_id() for _ in range(2)]
        for person in people:
            await shop.http.post("/users/sync", json={"telegram_id": person})
        async with shop.resources.transaction() as session:
            await catalogue.set_price(session, "seedream-v4", 2)
        at_once = await left_by_an_order(shop, people[0], "at-once")

        async def is_never_clear(*_: object) -> bool:
            return False

        monkeypatch.setattr(admission, "is_clear", is_never_clear)
        in_steps = await left_by_an_order(shop, people[1], "in-steps")

        assert at_once == in_steps
        assert len(at_once["ledger_entries"]) == (2 if pays else 0)

    async def test_costs_what_the_model_costs_now(self, shop: Shop) -> None:
        somebody, other = [await shop.rich_user(5) for _ in range(2)]
        before = await shop.order(somebody)
        async with shop.resources.transaction() as session:
            await catalogue.set_price(session, "seedream-v4", 3)

        assert (before["cost"], (await shop.order(other))["cost"]) == (1, 3)
        assert await shop.balance(other) == (2, 3)

    async def test_waits_for_a_ban_that_is_being_written(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        other = await asyncpg.connect(shop.settings.database_dsn)
        try:
            async with asyncio.TaskGroup() as group, other.transaction():
                await other.execute("UPDATE users SET banned_at = now(), ban_reason = 'spam' WHERE telegram_id = $1", somebody)
                order = group.create_task(shop.submit(somebody))
                await until_it_waits(shop, order)
        finally:
            await other.close()

        assert (order.result().status_code, order.result().json()["code"]) == (403, "banned")
        assert await shop.balance(somebody) == (5, 0)

    async def test_steps_aside_for_another_order_of_the_same_person(self, shop: Shop) -> None:
        somebody = await shop.rich_user(5)
        other = await asyncpg.connect(shop.settings.database_dsn)
        try:
            await other.execute(USERS_LOCK, somebody)
            order = asyncio.ensure_future(shop.submit(somebody))
            await until_it_waits(shop, order)
        finally:
            await other.close()

        assert (await order).status_code == 202
        assert await shop.balance(somebody) == (4, 1)

    async def test_gives_way_when_its_key_is_in_use(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its patience is over long before a deadlock would be looked for, and the order goes on in steps."""
        somebody = await shop.rich_user(5)
        goes_on = asyncio.Event()
        begin = idempotency.begin

        async def in_steps(*args: Any) -> Any:
            goes_on.set()
            return await begin(*args)

        monkeypatch.setattr(idempotency, "begin", in_steps)
        other = await asyncpg.connect(shop.settings.database_dsn)
        try:
            async with asyncio.TaskGroup() as group:
                transaction = other.transaction()
                await transaction.start()
                await other.execute(
                    "INSERT INTO idempotency_keys (caller, key, operation, request, fingerprint)"
                    " SELECT 'key:' || id, 'tap', '', '{}', '' FROM api_keys"
                )
                headers = {"Idempotency-Key": "tap"}
                order = group.create_task(shop.http.post("/generations/submit", json=an_order(somebody), headers=headers))
                await asyncio.wait_for(goes_on.wait(), 2)
                await transaction.rollback()
        finally:
            await other.close()

        assert order.result().status_code == 202
        assert await shop.balance(somebody) == (4, 1)
        await shop.check_books()


async def until_it_waits(shop: Shop, order: "asyncio.Future[Any]") -> None:
    """Wait until a statement waits for a lock, or the order has ended without waiting."""
    async with asyncio.timeout(5):
        while not order.done():
            if await shop.eyes.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                return
            await asyncio.sleep(0.005)
