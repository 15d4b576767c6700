"""What the provider's history does to attempts whose answer was lost: on real PostgreSQL, against the simulator's history."""

from datetime import timedelta

import pytest

from app.core.config import Settings
from app.domain.generations import attempts
from app.domain.generations.reconciliation import reconcile
from tests.domain.generations.lost import attempt_of, look_now, lose, send, tasks_of
from tests.factories import Shop, changed, provider_log


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, wavespeed_sync_mode=True)


class TestNothingLost:
    async def test_asks_the_provider_nothing(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user())
        await reconcile(shop.resources)
        assert await provider_log(shop.simulator, "POST") == []


class TestLiveAttempt:
    async def test_gets_its_task_and_its_job_is_due(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(), prompt="bound door", size="1024*1024")
        await lose(shop, generation)
        await shop.eyes.execute("UPDATE pgqueuer SET execute_after = now() + interval '1 hour'")

        await reconcile(shop.resources)

        attempt = await attempt_of(shop, generation)
        assert [attempt["provider_job_id"]] == await tasks_of(shop, "bound door")
        assert (attempt["state"], attempt["look_again_at"]) == ("unknown", None)
        assert await shop.eyes.fetchval("SELECT execute_after <= now() FROM pgqueuer")
        await shop.check_books()

    async def test_is_compared_by_what_was_sent_not_by_what_is_set_now(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(), prompt="changed door")
        await lose(shop, generation)
        await shop.eyes.execute("UPDATE generation_requests SET prompt = 'another door', size = '4096*4096'")

        await reconcile(shop.resources)

        assert (await attempt_of(shop, generation))["provider_job_id"]

    async def test_without_a_task_is_asked_about_again_later(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user())
        await lose(shop, generation, is_accepted=False)

        await reconcile(shop.resources)

        attempt = await attempt_of(shop, generation)
        pause = attempt["look_again_at"] - attempt["lost_at"]
        assert (attempt["state"], attempt["provider_job_id"]) == ("unknown", None)
        assert timedelta(seconds=4) < pause < timedelta(seconds=10)

    async def test_is_asked_about_once_more_before_its_deadline(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user())
        await lose(shop, generation, is_accepted=False)
        await shop.eyes.execute("UPDATE generation_jobs SET submitted_at = now() - interval '10 minutes'")
        await shop.eyes.execute("UPDATE generation_requests SET deadline_at = now() + interval '1 minute'")

        await reconcile(shop.resources)

        left = await shop.eyes.fetchval("SELECT deadline_at - look_again_at FROM generation_requests, generation_jobs")
        assert left == timedelta(seconds=10)

    async def test_of_several_with_one_input_the_oldest_get_what_there_is(self, shop: Shop) -> None:
        prompt = f"the same door, {shop.settings.database_dsn}"  # other tests have the provider too
        people = [await shop.rich_user() for _ in range(3)]
        orders = [await shop.order(person, prompt=prompt) for person in people]
        for number, generation in enumerate(orders):
            await lose(shop, generation, is_accepted=number > 0)

        await reconcile(shop.resources)

        bound = [(await attempt_of(shop, generation))["provider_job_id"] for generation in orders]
        assert bound == [*await tasks_of(shop, prompt), None]

    async def test_does_not_get_the_task_of_another_attempt(self, shop: Shop) -> None:
        first, second = [await shop.order(await shop.rich_user(), prompt="one door") for _ in range(2)]
        claim, task = await send(shop, first)
        assert task is not None
        async with shop.resources.transaction() as session:
            assert await attempts.accept(session, claim.attempt, task)
        await lose(shop, second, is_accepted=False)

        await reconcile(shop.resources)

        assert (await attempt_of(shop, second))["provider_job_id"] is None

    async def test_does_not_get_the_task_of_an_attempt_in_flight(self, shop: Shop) -> None:
        first, second = [await shop.order(await shop.rich_user(), prompt="a door in flight") for _ in range(2)]
        claim, task = await send(shop, first)
        assert task is not None
        await lose(shop, second, is_accepted=False)

        await reconcile(shop.resources)

        assert (await attempt_of(shop, second))["provider_job_id"] is None
        async with shop.resources.transaction() as session:
            assert await attempts.accept(session, claim.attempt, task)

    async def test_is_found_under_the_name_that_the_provider_uses(self, shop: Shop) -> None:
        alias = "[sim:alias_model=dream/four]"
        known = await shop.order(await shop.rich_user(), prompt=f"a known door {alias}")
        claim, task = await send(shop, known)
        assert task is not None
        async with shop.resources.transaction() as session:
            assert await attempts.accept(session, claim.attempt, task)
        lost = await shop.order(await shop.rich_user(), prompt=f"an aliased door {alias}")
        await lose(shop, lost)

        await reconcile(shop.resources)

        assert (await attempt_of(shop, lost))["provider_job_id"]


class TestUnusableHistory:
    @pytest.mark.parametrize("kind", ["history_500", "history_cut", "history_html", "api_garbage"])
    async def test_changes_nothing_and_is_asked_again(self, shop: Shop, kind: str) -> None:
        generation = await shop.order(await shop.rich_user())
        await lose(shop, generation)
        await shop.fault(kind)

        await reconcile(shop.resources)

        attempt = await attempt_of(shop, generation)
        assert (attempt["state"], attempt["provider_job_id"]) == ("unknown", None)
        assert attempt["look_again_at"] > attempt["lost_at"] + timedelta(seconds=4)
        await look_now(shop)
        assert (await attempt_of(shop, generation))["provider_job_id"]
