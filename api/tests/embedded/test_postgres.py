import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.embedded import postgres, root
from app.embedded.processes import EmbeddedError
from tests.embedded.conftest import become

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")


@pytest.fixture(autouse=True)
def _ways_are_tried_anew() -> Iterator[None]:
    root._namespace.cache_clear()
    yield
    root._namespace.cache_clear()


def start(home: Path) -> postgres.Postgres:
    return postgres.start(home, durable=False)


async def ask(server: postgres.Postgres, question: str) -> Any:
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def owner(path: Path) -> int:
    return path.stat().st_uid


def is_closed(path: Path) -> bool:
    return path.stat().st_mode & 0o077 == 0


def names(home: Path) -> list[str]:
    return [path.name for path in home.glob("postgres*")]


def start_and_stop_as(home: Path, uid: int) -> None:
    program = (
        "import sys, pathlib; from app.embedded import postgres; postgres.start(pathlib.Path(sys.argv[1]), durable=False).stop()"
    )
    subprocess.run([*become(home, uid), sys.executable, "-c", program, home], check=True, capture_output=True)


@contextmanager
def some_program() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as program:
        yield program
        program.kill()


async def remember(server: postgres.Postgres, text: str) -> None:
    await ask(server, "DROP TABLE IF EXISTS memory")
    await ask(server, f"CREATE TABLE memory AS SELECT '{text}' AS word")


class TestStart:
    async def test_gives_a_database_whose_owner_is_no_superuser_and_may_clone_databases(self, home: Path) -> None:
        with start(home) as server:
            owner = "SELECT rolname || rolsuper || rolcreatedb FROM pg_roles JOIN pg_database ON datdba = pg_roles.oid"
            assert await ask(server, f"{owner} WHERE datname = current_database()") == "rassomfalsetrue"
            await ask(server, "CREATE DATABASE another TEMPLATE rassom STRATEGY wal_log")
            await ask(server, "DROP DATABASE another")

    async def test_keeps_what_the_database_holds_for_the_next_start(self, home: Path) -> None:
        with start(home) as server:
            await remember(server, "Samarkand")
        with start(home) as server:
            assert await ask(server, "SELECT word FROM memory") == "Samarkand"

    async def test_listens_on_no_port_and_syncs_to_disk_unless_it_is_told_not_to(self, home: Path) -> None:
        with postgres.start(home) as server:
            assert [await ask(server, f"SHOW {name}") for name in ("listen_addresses", "fsync")] == ["", "on"]
        with start(home) as server:
            assert [await ask(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit")] == ["off", "on"]

    async def test_does_not_mind_a_path_that_is_too_long_for_a_socket_and_full_of_signs(self, empty_home: Path) -> None:
        long_home = empty_home / ("a long, 100% 'strange' path & more? " * 3)
        with start(long_home) as server:
            assert await ask(server, "SELECT 1") == 1
            assert server.socket_dir.exists()
        assert not server.socket_dir.exists()

    async def test_does_not_mind_another_server_in_the_environment(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "db.example", "LC_ALL": "xx_XX.UTF-8"}.items():
            monkeypatch.setenv(name, value)
        with start(home) as server:
            assert await ask(server, "SELECT 1") == 1

    async def test_is_not_misled_by_a_first_start_that_was_cut_off(self, empty_home: Path) -> None:
        (empty_home / "postgres-new-cut-off").mkdir()
        (empty_home / "postgres-new-cut-off" / "PG_VERSION").write_text("18\n")
        with start(empty_home) as server:
            assert await ask(server, "SELECT 1") == 1
        assert names(empty_home) == ["postgres"]

    def test_says_what_is_wrong_and_the_way_out_when_the_data_is_of_another_version(self, home: Path) -> None:
        version = home / "postgres" / "PG_VERSION"
        version.write_text("17\n")
        with pytest.raises(EmbeddedError, match=r"did not start: .* version 17.* DATABASE_URL="):
            start(home)
        version.write_text("18\n")

    def test_leaves_nothing_half_done_when_it_is_told_to_stop_waiting(self, empty_home: Path) -> None:
        def give_up(_: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            postgres.start(empty_home, durable=False, pause=give_up)
        assert names(empty_home) == []


class TestCrash:
    async def test_comes_back_at_once_after_kill_9_with_everything_committed(self, home: Path) -> None:
        with start(home) as server:
            await remember(server, "Buxoro")
            os.kill(server.pid, signal.SIGKILL)
            started_s = time.monotonic()
            with start(home) as again:
                assert await ask(again, "SELECT word FROM memory") == "Buxoro"
                assert again.dsn() == server.dsn()
            assert time.monotonic() - started_s < 5

    async def test_a_lock_that_names_an_unrelated_program_is_no_lock(self, home: Path) -> None:
        # After a power cut the old server's number may be anybody's.
        with start(home) as server:
            lock = (home / "postgres" / "postmaster.pid").read_text()
        with some_program() as other:
            (home / "postgres" / "postmaster.pid").write_text(lock.replace(str(server.pid), str(other.pid)))
            with start(home) as again:
                assert await ask(again, "SELECT 1") == 1
            assert other.poll() is None

    async def test_a_server_that_outlived_its_supervisor_is_ended_first(self, home: Path) -> None:
        with start(home) as orphan, start(home) as server:
            assert orphan.process.wait(5) == 0
            assert await ask(server, "SELECT 1") == 1


@AS_ROOT
class TestRoot:
    async def test_keeps_the_files_its_own_in_a_home_that_is_closed_to_others(self, home: Path) -> None:
        with start(home) as server:
            assert await ask(server, "SELECT 1") == 1
        assert is_closed(home)
        assert owner(home / "postgres") == 0

    async def test_becomes_nobody_where_user_namespaces_are_forbidden_and_stays_so(
        self, home: Path, only_on_path: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with start(home) as server:
            await remember(server, "Xiva")
        only_on_path("setpriv", "true")
        root._namespace.cache_clear()
        with start(home) as server:
            assert await ask(server, "SELECT word FROM memory") == "Xiva"
        assert owner(home / "postgres") == root.NOBODY
        monkeypatch.undo()
        root._namespace.cache_clear()
        with start(home) as server:
            assert await ask(server, "SELECT word FROM memory") == "Xiva"
        root._give(home / "postgres", 0)

    async def test_takes_over_the_data_of_an_ordinary_user(self, empty_home: Path) -> None:
        start_and_stop_as(empty_home, 1)
        with start(empty_home) as server:
            assert await ask(server, "SELECT 1") == 1
        assert owner(empty_home / "postgres") == 1

    def test_an_ordinary_user_is_told_that_the_data_is_not_theirs(self, empty_home: Path) -> None:
        (empty_home / "postgres").mkdir()
        with pytest.raises(subprocess.CalledProcessError) as failed:
            start_and_stop_as(empty_home, 1)
        assert b"belongs to another user. Run as that user, or use other data" in failed.value.stderr

    def test_says_the_way_out_where_it_cannot_step_down(self, empty_home: Path, only_on_path: Callable[..., None]) -> None:
        only_on_path()
        with pytest.raises(EmbeddedError, match=r"does not run as root.* Run as an ordinary user\. .*DATABASE_URL="):
            start(empty_home)

    def test_a_user_without_a_name_can_start_it_too(self, empty_home: Path) -> None:
        start_and_stop_as(empty_home, 54_321)
