"""What the database itself refuses of generations and their attempts, whoever writes."""

import asyncpg
import pytest

from tests.factories import Shop

_ANOTHER = """
    INSERT INTO generation_requests (
        public_id, user_id, model_id, prompt, status, input_params, references_count, cost, hold_id, request_id, deadline_at
    )
    SELECT gen_random_uuid(), request.user_id, request.model_id, 'another', 'queued', '{}', 0, 1, hold.id, 'r', now()
    FROM generation_requests request, ledger_transfers hold WHERE hold.entry_type = 'grant'
"""
_ATTEMPT = """
    INSERT INTO generation_jobs (generation_id, attempt_no, state, token, provider, provider_job_id)
    SELECT id, $1, $2, gen_random_uuid(), 'wavespeed', $3 FROM generation_requests
"""


class TestGeneration:
    async def test_that_runs_is_the_users_only_one(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(3))
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_generation_requests_user_id_active"):
            await shop.eyes.execute(_ANOTHER)


class TestAttempt:
    @pytest.mark.parametrize("state", ["ready", "submitting", "unknown"])
    async def test_that_lives_is_the_generations_only_one(self, shop: Shop, state: str) -> None:
        await shop.order(await shop.rich_user(1))
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_generation_jobs_generation_id_live"):
            await shop.eyes.execute(_ATTEMPT, 2, state, None)

    async def test_of_a_number_comes_once(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1))
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_generation_jobs_generation_id_attempt_no"):
            await shop.eyes.execute(_ATTEMPT, 1, "refused", None)

    async def test_has_a_task_of_its_own(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1))
        await shop.eyes.execute(_ATTEMPT, 2, "refused", "the-task")
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_generation_jobs_provider_provider_job_id"):
            await shop.eyes.execute(_ATTEMPT, 3, "refused", "the-task")

    async def test_that_has_a_task_is_not_ready(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1))
        with pytest.raises(asyncpg.CheckViolationError, match="ready_is_unsent"):
            await shop.eyes.execute("UPDATE generation_jobs SET provider_job_id = 'the-task'")
