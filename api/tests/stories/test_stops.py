"""SIGTERM, Ctrl-C, and an orphaned worker: everything stops within seconds, and what was in flight ends after the next start."""

import asyncio
import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from tests.factories import new_telegram_id
from tests.programs import insist, processes_of, rassom_up

ORDERS = 4


def stop_s_max() -> float:
    """Five seconds of a machine that has its processors for us; the tests run beside each other."""
    return 5.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class TestStop:
    @pytest.mark.parametrize(
        ("name", "sync"), [(signal.SIGTERM, "true"), (signal.SIGINT, "false")], ids=["sigterm-held-posts", "ctrl-c-polling"]
    )
    async def test_is_quick_and_quiet_and_loses_nothing(self, tmp_path: Path, name: signal.Signals, sync: str) -> None:
        people = [new_telegram_id() for _ in range(ORDERS)]
        # What is polled may take its time; what was held is unknown now and ends at the deadline.
        env = {"WAVESPEED_SYNC_MODE": sync, "GENERATION_DEADLINE_SECONDS": "12" if sync == "true" else "60"}
        with rassom_up(tmp_path / "home", **env) as up:
            async with up.shop() as shop:
                for telegram_id in people:
                    await insist(shop, telegram_id, f"{uuid4()} [sim:delay=4]")
            await asyncio.sleep(0.3)

            took_s = up.end(name)

            assert up.process.returncode == 0, up.said
            assert took_s < stop_s_max(), up.said
            assert processes_of(up.home) == []
            assert "Traceback" not in up.said
            assert (up.home / "test.err").read_text() == ""
            with rassom_up(up.home, **env) as again:
                rows = await again.until_all_end()
                await again.check(rows)
                assert sorted(row["telegram_id"] for row in rows) == people
                if sync == "false":
                    assert {row["status"] for row in rows} == {"completed"}


class TestOrphanedWorker:
    async def test_ends_although_its_database_ended_first(self, tmp_path: Path) -> None:
        with rassom_up(tmp_path / "home") as up:
            async with up.shop() as shop:
                await insist(shop, new_telegram_id(), f"{uuid4()} [sim:delay=0.6]")
            worker, database = up.pid_of("worker"), up.pid_of("postgres")
            os.kill(up.process.pid, signal.SIGSTOP)
            try:
                os.kill(database, signal.SIGKILL)
                await asyncio.sleep(1)

                os.kill(worker, signal.SIGTERM)

                async with asyncio.timeout(stop_s_max()):
                    while any(process.pid == worker for process in processes_of(up.home)):
                        await asyncio.sleep(0.05)
            finally:
                # It starts both again, and so clears up what the killed database left in shared memory.
                os.kill(up.process.pid, signal.SIGCONT)
            await up.wait_for_successor("worker", worker)
            await up.check(await up.until_all_end())
