"""A worker frozen past its lease while another one takes over: when it wakes it writes nothing and sends nothing (P3, P6)."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings
from tests import running
from tests.cli.program import Program, program
from tests.factories import FINAL, Shop, changed


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, wavespeed_sync_mode=False, generation_deadline_seconds=20, log_level="info")


async def rows_of(shop: Shop, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await shop.eyes.fetch(f"SELECT * FROM {table} ORDER BY id")]  # noqa: S608 - names of our own


async def until(shop: Shop, table: str, is_so: Callable[[dict[str, Any]], bool], *, within_s: float = 15) -> dict[str, Any]:
    """Wait for the one row of this table."""
    async with asyncio.timeout(within_s):
        while not is_so(row := (await rows_of(shop, table))[0]):
            await asyncio.sleep(0.05)
    return row


async def until_said(folder: Path, event: str, *, within_s: float = 10) -> None:
    """Wait for a line in the log of a worker."""
    async with asyncio.timeout(within_s):
        while event not in (folder / "worker.out").read_text():
            await asyncio.sleep(0.05)


async def everything(shop: Shop) -> list[list[dict[str, Any]]]:
    tables = ("generation_requests", "generation_jobs", "generation_results", "ledger_transfers", "ledger_entries")
    return [await rows_of(shop, table) for table in tables]


class TestFrozenWhilePolling:
    @pytest.mark.case(11)
    async def test_wakes_to_a_finished_generation_and_writes_nothing(self, shop: Shop, tmp_path: Path) -> None:
        somebody = await shop.rich_user(3)
        with program(shop.settings, tmp_path / "frozen") as frozen:
            generation = await shop.order(somebody, prompt="polled [sim:delay=3]")
            await until(shop, "generation_jobs", lambda attempt: attempt["state"] == "submitted")
            frozen.send_signal(signal.SIGSTOP)
            async with running.worker(shop.settings):
                seen = await shop.follow(generation, somebody)
                before = await everything(shop)
                frozen.send_signal(signal.SIGCONT)
                await asyncio.sleep(1)

                assert seen["status"] == "completed"
                assert await everything(shop) == before
        assert len(await shop.submits_seen()) == 1
        assert await shop.balance(somebody) == (2, 0)
        await shop.check_books()


class TestFrozenWhileSubmitting:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return changed(settings, wavespeed_sync_mode=True, generation_deadline_seconds=40)

    async def test_its_late_answer_is_not_written_and_nobody_sends_again(self, shop: Shop, tmp_path: Path) -> None:
        somebody = await shop.rich_user(3)
        with program(shop.settings, tmp_path / "frozen") as frozen:
            generation = await shop.order(somebody, prompt="held [sim:delay=2]")
            first = await until(shop, "generation_jobs", lambda attempt: attempt["state"] == "submitting")
            async with asyncio.timeout(5):
                while not await shop.submits_seen():
                    await asyncio.sleep(0.02)
            frozen.send_signal(signal.SIGSTOP)
            async with running.worker(shop.settings):
                await until(shop, "generation_jobs", lambda attempt: attempt["epoch"] > first["epoch"])
                frozen.send_signal(signal.SIGCONT)
                await until(shop, "generation_requests", lambda request: request["status"] in FINAL, within_s=25)
        log = (tmp_path / "frozen" / "worker.out").read_text()
        assert "attempt_taken_over" in log, log
        assert len(await shop.submits_seen()) == 1
        assert (await shop.follow(generation, somebody))["status"] == "completed"
        assert await shop.balance(somebody) == (2, 0)
        await shop.check_books()


class TestFrozenBeforeSending:
    """The claim is committed, and its worker stands still before the first byte leaves."""

    SLOW_COMMIT = """
        CREATE FUNCTION commit_slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow_claim AFTER UPDATE ON generation_jobs DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.state = 'submitting') EXECUTE FUNCTION commit_slowly();
    """

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return changed(settings, generation_deadline_seconds=10)

    async def freeze_during_the_claim(self, shop: Shop, frozen: Program) -> None:
        """Stop the worker while its database commits; returns when the claim is there for all to see."""
        async with asyncio.timeout(10):
            while not await shop.eyes.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
            ):
                await asyncio.sleep(0.01)
        frozen.send_signal(signal.SIGSTOP)
        await until(shop, "generation_jobs", lambda attempt: attempt["state"] == "submitting")

    async def test_sends_nothing_when_it_wakes_and_writes_nothing(self, shop: Shop, tmp_path: Path) -> None:
        somebody = await shop.rich_user(3)
        await shop.eyes.execute(self.SLOW_COMMIT)
        with program(shop.settings, tmp_path / "frozen") as frozen:
            generation = await shop.order(somebody, prompt="claimed")
            await self.freeze_during_the_claim(shop, frozen)
            async with running.worker(shop.settings):
                await until(shop, "generation_jobs", lambda attempt: attempt["state"] == "unknown")
                before = await rows_of(shop, "generation_jobs")
                frozen.send_signal(signal.SIGCONT)
                await until_said(tmp_path / "frozen", "lease_over_before_sending")
                after = await rows_of(shop, "generation_jobs")
                seen = await shop.follow(generation, somebody, within_s=20)

        # It may take the job anew, like any worker, and raises the epoch then; of its old claim it writes nothing.
        assert [row | {"epoch": 0} for row in after] == [row | {"epoch": 0} for row in before]
        assert await shop.submits_seen() == []
        assert seen["error_code"] == "deadline_exceeded"
        assert await shop.balance(somebody) == (3, 0)
        await shop.check_books()

    async def test_sends_it_with_the_next_attempt_when_nobody_took_over(self, shop: Shop, tmp_path: Path) -> None:
        somebody = await shop.rich_user(3)
        await shop.eyes.execute(self.SLOW_COMMIT)
        with program(shop.settings, tmp_path / "frozen") as frozen:
            generation = await shop.order(somebody, prompt="claimed")
            await self.freeze_during_the_claim(shop, frozen)
            await shop.eyes.execute("DROP TRIGGER slow_claim ON generation_jobs")
            await asyncio.sleep(shop.settings.worker_lease_seconds)
            frozen.send_signal(signal.SIGCONT)
            seen = await shop.follow(generation, somebody, within_s=20)

        assert seen["status"] == "completed"
        assert [row["state"] for row in await rows_of(shop, "generation_jobs")] == ["refused", "completed"]
        assert len(await shop.submits_seen()) == 1
        await shop.check_books()
