"""An attempt in the hands of several claims: which of them may send it, and which task it has."""

from typing import Any
from uuid import UUID

from app.domain.generations import attempt_queries, attempts
from app.domain.generations.rules import AttemptState
from tests.factories import Shop


async def claimed(shop: Shop, generation: dict[str, Any]) -> attempts.Claim:
    async with shop.resources.transaction() as session:
        claim = await attempts.claim(session, generation["id"], is_sync=False)
    assert claim is not None
    return claim


async def bound(shop: Shop, token: UUID, task_id: str) -> bool:
    async with shop.resources.transaction() as session:
        return await attempt_queries.bind_task(session, token, task_id)


class TestClaim:
    async def test_of_a_ready_one_may_send_it(self, shop: Shop) -> None:
        claim = await claimed(shop, await shop.order(await shop.rich_user(1)))
        assert claim.order is not None
        assert claim.attempt.state is AttemptState.SUBMITTING

    async def test_of_one_that_may_have_been_sent_never_sends_it_again(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(1))
        first = await claimed(shop, generation)
        for epoch in (2, 3):
            again = await claimed(shop, generation)
            assert again.order is None
            assert (again.attempt.state, again.attempt.epoch) == (AttemptState.UNKNOWN, first.attempt.epoch + epoch - 1)

    async def test_of_one_whose_task_is_known_follows_it(self, shop: Shop) -> None:
        generation = await shop.order(await shop.rich_user(1))
        first = await claimed(shop, generation)
        assert await bound(shop, first.attempt.token, "the-task")

        again = await claimed(shop, generation)

        assert again.order is None
        assert (again.attempt.state, again.attempt.provider_job_id) == (AttemptState.SUBMITTED, "the-task")


class TestBind:
    async def test_notes_the_task_of_an_attempt_once(self, shop: Shop) -> None:
        token = (await claimed(shop, await shop.order(await shop.rich_user(1)))).attempt.token

        assert [await bound(shop, token, task_id) for task_id in ("the-task", "another-task", "the-task")] == [True, False, False]

        assert await shop.eyes.fetchval("SELECT provider_job_id FROM generation_jobs") == "the-task"

    async def test_gives_no_task_to_an_attempt_that_was_not_sent(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1))
        assert not await bound(shop, await shop.eyes.fetchval("SELECT token FROM generation_jobs"), "the-task")
