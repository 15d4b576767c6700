"""Orders that are sent and whose answer is lost, without a worker: each step by itself."""

import asyncio
from typing import Any

import asyncpg

from app.domain.generations import attempts
from app.domain.generations.attempts import Claim
from app.domain.generations.reconciliation import reconcile
from app.provider.errors import ProviderError
from app.provider.wire import Task
from tests.factories import Shop


async def send(shop: Shop, generation: dict[str, Any]) -> tuple[Claim, Task | None]:
    """What a worker does first: claim, and POST; the task is None when the answer was lost."""
    async with shop.resources.transaction() as session:
        claim = await attempts.claim(session, generation["id"], is_sync=shop.settings.wavespeed_sync_mode)
    assert claim is not None
    assert claim.order is not None
    assert shop.resources.provider is not None
    try:
        return claim, await shop.resources.provider.submit(claim.order)
    except ProviderError:
        return claim, None


async def lose(shop: Shop, generation: dict[str, Any], *, is_accepted: bool = True) -> Claim:
    """An order that is sent and whose answer does not arrive; without `is_accepted` there is no task either."""
    await shop.fault(f"submit_cut_{'after' if is_accepted else 'before'}_accept")
    claim, task = await send(shop, generation)
    assert task is None
    async with shop.resources.transaction() as session:
        assert await attempts.lose(session, claim.attempt, reason="a test")
    async with asyncio.timeout(10):
        while any(not task["finished_at"] and not task["is_deleted"] for task in await predictions(shop)):
            await asyncio.sleep(0.02)
    return claim


async def expire(shop: Shop, generation: dict[str, Any]) -> None:
    """The deadline comes."""
    await shop.eyes.execute("UPDATE generation_requests SET deadline_at = now() WHERE id = $1", generation["id"])
    async with shop.resources.transaction() as session:
        assert await attempts.expire(session, generation["id"])


async def attempt_of(shop: Shop, generation: dict[str, Any]) -> asyncpg.Record:
    return await shop.eyes.fetchrow("SELECT * FROM generation_jobs WHERE generation_id = $1 ORDER BY id DESC", generation["id"])


async def predictions(shop: Shop, prompt: str = "") -> list[dict[str, Any]]:
    """What the provider has made, the oldest first."""
    found: list[dict[str, Any]] = (await shop.control.get("/predictions", params={"prompt": prompt})).json()["predictions"]
    return found


async def tasks_of(shop: Shop, prompt: str) -> list[str]:
    return [task["id"] for task in await predictions(shop, prompt)]


async def orphans(shop: Shop) -> list[asyncpg.Record]:
    return await shop.eyes.fetch("SELECT * FROM generation_orphans ORDER BY id")


async def look_now(shop: Shop) -> None:
    """As if the time of the next look had come."""
    await shop.eyes.execute("UPDATE generation_jobs SET look_again_at = now() WHERE look_again_at IS NOT NULL")
    await reconcile(shop.resources)
