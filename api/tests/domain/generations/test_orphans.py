"""Tasks that turn up when their generation has failed: noted once, with their cost, and no credit moves."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from app.core.config import Settings
from app.domain.generations import attempts, callbacks, reconciliation
from app.domain.generations.reconciliation import LOOK_BACK_S, reconcile
from app.provider.wire import TaskState
from tests.domain.generations.lost import attempt_of, expire, look_now, lose, orphans, send, tasks_of
from tests.factories import Shop, changed


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, wavespeed_sync_mode=True)


class TestOrphan:
    async def test_is_a_task_that_the_history_shows_too_late(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody, prompt="an orphaned door")
        await lose(shop, generation)
        await expire(shop, generation)

        await reconcile(shop.resources)
        await look_now(shop)

        (orphan,) = await orphans(shop)
        assert [orphan["provider_job_id"]] == await tasks_of(shop, "an orphaned door")
        assert (orphan["generation_id"], orphan["status"], orphan["cost_usd"]) == (generation["id"], "completed", Decimal("0.027"))
        seen = await shop.follow(generation, somebody)
        assert (seen["status"], seen["error_code"]) == ("failed", "deadline_exceeded")
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_results") == 0
        assert await shop.balance(somebody) == (3, 0)
        await shop.check_books()

    async def test_of_a_task_with_an_id_is_noted_when_it_has_ended(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody, prompt="a late door [sim:delay=0.6] [sim:sync_timeout_5004]")
        claim, task = await send(shop, generation)
        assert task is not None
        async with shop.resources.transaction() as session:
            assert await attempts.accept(session, claim.attempt, task)
        await expire(shop, generation)

        await reconcile(shop.resources)
        assert await orphans(shop) == []
        assert shop.resources.provider is not None
        async with asyncio.timeout(10):
            while (await shop.resources.provider.read(task.id)).state is TaskState.PENDING:
                await asyncio.sleep(0.05)
        await look_now(shop)

        assert [orphan["provider_job_id"] for orphan in await orphans(shop)] == [task.id]
        assert await shop.balance(somebody) == (3, 0)
        await shop.check_books()

    async def test_that_failed_has_cost_nothing(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(), prompt="a failed door [sim:fail=1405]")
        await lose(shop, generation)
        await expire(shop, generation)

        await look_now(shop)
        await look_now(shop)

        assert [(orphan["status"], orphan["cost_usd"]) for orphan in await orphans(shop)] == [("failed", 0)]

    @pytest.mark.parametrize(("silent", "cost"), [(["/billings"], Decimal("0.027")), (["/billings", "/model/price"], None)])
    async def test_without_a_bill_costs_its_price_or_nobody_knows(
        self, shop: Shop, silent: list[str], cost: Decimal | None
    ) -> None:
        generation = await shop.order(await shop.rich_user(), prompt="an unbilled door")
        await lose(shop, generation)
        await expire(shop, generation)
        for path in silent:
            await shop.fault("api_500", times=None, match={"path": path})

        await reconcile(shop.resources)

        assert [orphan["cost_usd"] for orphan in await orphans(shop)] == [cost]

    async def test_is_noted_at_the_hint_of_a_late_webhook(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody, prompt="a called door")
        claim = await lose(shop, generation)
        await expire(shop, generation)
        await shop.eyes.execute("UPDATE generation_jobs SET look_again_at = NULL")
        (task_id,) = await tasks_of(shop, "a called door")

        await callbacks._wake(shop.resources, claim.attempt.token, task_id)
        assert await orphans(shop) == []
        await reconcile(shop.resources)
        await callbacks._wake(shop.resources, claim.attempt.token, task_id)

        assert [orphan["provider_job_id"] for orphan in await orphans(shop)] == [task_id]
        assert (await attempt_of(shop, generation))["look_again_at"] is None
        assert await shop.balance(somebody) == (3, 0)
        await shop.check_books()

    async def test_is_not_made_of_a_webhook_that_names_no_task_of_the_provider(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user())
        claim = await lose(shop, generation, is_accepted=False)
        await expire(shop, generation)

        await callbacks._wake(shop.resources, claim.attempt.token, "f" * 32)
        await reconcile(shop.resources)

        assert await orphans(shop) == []

    async def test_is_looked_for_one_day(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user())
        await lose(shop, generation, is_accepted=False)
        await expire(shop, generation)
        await look_now(shop)
        assert (await attempt_of(shop, generation))["look_again_at"] is not None
        await shop.eyes.execute("UPDATE generation_jobs SET finished_at = finished_at - make_interval(secs => $1)", LOOK_BACK_S)

        await look_now(shop)

        assert (await attempt_of(shop, generation))["look_again_at"] is None

    async def test_is_not_looked_for_when_nothing_was_sent(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user())
        await expire(shop, generation)
        assert (await attempt_of(shop, generation))["look_again_at"] is None

    async def test_is_one_for_each_attempt_and_each_task_by_constraint(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(), prompt="a doubled door")
        await lose(shop, generation)
        await expire(shop, generation)
        await reconcile(shop.resources)
        copy = "INSERT INTO generation_orphans (attempt_id, generation_id, provider, provider_job_id, status) SELECT "
        for columns in ("attempt_id, generation_id, provider, 'other'", "-1, generation_id, provider, provider_job_id"):
            with pytest.raises(asyncpg.UniqueViolationError):
                await shop.eyes.execute(f"{copy} {columns}, status FROM generation_orphans")

    async def test_is_shown_with_what_all_of_them_cost(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(), prompt="a shown door")
        await lose(shop, generation)
        await expire(shop, generation)
        await reconcile(shop.resources)

        async with shop.resources.reading() as session:
            shown = await reconciliation.list_orphans(session, limit=10)
            total = await reconciliation.sum_orphans(session)

        assert [orphan.generation_id for orphan in shown] == [generation["id"]]
        assert total == (1, Decimal("0.027"))
