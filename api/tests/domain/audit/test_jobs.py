"""The audit in the worker: what it finds is written down, said, shown at /metrics, and freezes the wallets that it touches."""

import asyncio

import httpx2

from app.domain.audit import jobs
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import FreezeRead
from app.embedded import ports
from app.monitoring import metrics_served
from app.queue.worker import ScheduledJob, run_queue
from app.resources import open_resources
from tests.domain.audit.test_service import plant
from tests.factories import NO_TLS, Shop, changed, written_log

CHANGE = "UPDATE ledger_entries SET description = 'a gift' WHERE entry_type = 'grant' AND account_kind = 'wallet'"


async def frozen(shop: Shop) -> list[FreezeRead]:
    async with shop.resources.reading() as session:
        return await ledger.frozen(session)


class TestAudit:
    async def test_of_a_clean_book_freezes_nothing_and_is_written_down(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user())

        with written_log() as log:
            report = await jobs.audit(shop.resources)

        assert report.is_clean
        assert await frozen(shop) == []
        assert "violation" not in log.getvalue()
        assert await shop.eyes.fetchval("SELECT violations ->> 'I2' FROM audit_runs") == "0"

    async def test_that_finds_a_changed_entry_freezes_its_owner_and_nobody_else(self, shop: Shop) -> None:
        somebody = await shop.rich_user()
        await plant(shop.settings, CHANGE)
        other = await shop.rich_user()

        with written_log() as log:
            await jobs.audit(shop.resources)
            await jobs.audit(shop.resources)

        assert [(row.telegram_id, row.invariant) for row in await frozen(shop)] == [(somebody, "I2")]
        assert log.getvalue().count("account_frozen") == 1
        assert log.getvalue().count("invariant=I2") == 3
        refused = await shop.submit(somebody)
        assert (refused.status_code, refused.json()["code"]) == (423, "account_frozen")
        assert (await shop.submit(other)).status_code == 202

    async def test_lets_the_picture_that_runs_end(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user()
        order = await busy_shop.order(somebody, prompt="[sim:delay=1]")
        await plant(busy_shop.settings, CHANGE)

        await jobs.audit(busy_shop.resources)

        assert len(await frozen(busy_shop)) == 1
        assert (await busy_shop.follow(order, somebody))["status"] == "completed"
        assert await busy_shop.balance(somebody) == (99, 0)

    async def test_that_finds_something_overdue_freezes_nothing(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user())
        await plant(shop.settings, "UPDATE generation_requests SET deadline_at = now() - interval '5 minutes'")

        report = await jobs.audit(shop.resources)

        assert [finding.invariant for finding in report.findings if not finding.is_clean] == ["I9"]
        assert await frozen(shop) == []

    async def test_is_shown_at_metrics(self, shop: Shop) -> None:
        settings = changed(shop.settings, metrics_port=ports.free_ports(1)[0])
        await shop.rich_user()
        await plant(settings, CHANGE)
        await jobs.audit(shop.resources)

        async with (
            open_resources(settings, program="tests") as resources,
            metrics_served(resources),
            httpx2.AsyncClient(verify=NO_TLS) as http,
        ):
            page = (await http.get(f"http://127.0.0.1:{settings.metrics_port}/metrics")).text

        for line in (
            'rassom_audit_violations{invariant="I1"} 0.0',
            'rassom_audit_violations{invariant="I2"} 1.0',
            "rassom_audit_last_run_timestamp_seconds 1",
            "rassom_audit_duration_seconds ",
            "rassom_accounts_frozen 1.0",
        ):
            assert line in page, page


class TestSchedule:
    async def test_is_every_five_minutes(self, shop: Shop) -> None:
        (schedule,) = jobs.wire_jobs(shop.resources)

        assert (schedule.name, schedule.cron) == ("audit", "*/5 * * * *")

    async def test_runs_once_over_two_workers(self, shop: Shop) -> None:
        runs: list[None] = []

        async def work() -> None:
            runs.append(None)

        await run_two_workers(shop, ScheduledJob("audit", "* * * * * */2", work), for_s=4.5)

        ticks = await shop.eyes.fetchval("SELECT count(*) FROM pgqueuer_schedules WHERE entrypoint = 'audit'")
        assert ticks == 1
        assert 1 <= len(runs) <= 3

    async def test_is_cut_short_by_a_stop(self, shop: Shop) -> None:
        begun, stopping = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            begun.set()
            await asyncio.sleep(60)

        schedule = ScheduledJob("audit", "* * * * * *", work)
        async with asyncio.timeout(10):
            running = asyncio.ensure_future(queue(shop, schedule, stopping))
            await begun.wait()
            stopping.set()
            await running


async def queue(shop: Shop, schedule: ScheduledJob, stopping: asyncio.Event) -> None:
    await run_queue(shop.settings.database_dsn or "", [], [schedule], lease_s=2, stopping=stopping)


async def run_two_workers(shop: Shop, schedule: ScheduledJob, *, for_s: float) -> None:
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(queue(shop, schedule, stopping))
        await asyncio.sleep(for_s)
        stopping.set()
