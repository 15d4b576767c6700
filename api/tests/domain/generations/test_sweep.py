"""What the worker does by the clock for generations that no job works for any more."""

from app.domain.generations.jobs import wire_jobs
from tests import running
from tests.factories import Shop


async def sweep(shop: Shop) -> None:
    """The scheduled work, once, as a worker runs it."""
    _, schedules = wire_jobs(shop.resources)
    (work,) = [schedule.work for schedule in schedules if schedule.name == "sweep"]
    await work()


async def jobs(shop: Shop) -> int:
    return int(await shop.eyes.fetchval("SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked')"))


class TestSweep:
    async def test_ends_what_is_overdue_and_gives_back_what_was_held(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody)
        await shop.eyes.execute("DELETE FROM pgqueuer")
        await shop.eyes.execute("UPDATE generation_requests SET deadline_at = now()")

        await sweep(shop)

        seen = await shop.follow(generation, somebody, within_s=1)
        assert (seen["status"], seen["error_code"]) == ("failed", "deadline_exceeded")
        assert await shop.balance(somebody) == (3, 0)
        assert await shop.submits_seen() == []
        await shop.check_books()

    async def test_queues_again_what_lost_its_job(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        generation = await shop.order(somebody)
        await shop.eyes.execute("DELETE FROM pgqueuer")
        await shop.eyes.execute("UPDATE generation_requests SET created_at = now() - interval '61 seconds'")

        await sweep(shop)

        assert await jobs(shop) == 1
        async with running.worker(shop.settings):
            assert (await shop.follow(generation, somebody))["status"] == "completed"
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()

    async def test_leaves_alone_what_has_its_job(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(3))
        await shop.eyes.execute("UPDATE generation_requests SET created_at = now() - interval '61 seconds'")
        before = await shop.eyes.fetch("SELECT * FROM pgqueuer")

        await sweep(shop)

        assert await shop.eyes.fetch("SELECT * FROM pgqueuer") == before
