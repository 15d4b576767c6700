import os
import socket
import stat
import time
from pathlib import Path

import pytest

from app.core.config import Settings
from app.embedded import home as homes
from app.embedded.home import AlreadyRunningError, Running

SOMEWHERE = Running("http://127.0.0.1:1", "postgresql://somewhere/db", "unix:///somewhere", "http://127.0.0.1:2/api/v3", "the key")


@pytest.fixture
def prepared(empty_home: Path) -> Path:
    homes.prepare(empty_home)
    return empty_home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def some_ports(home: Path) -> tuple[int, int]:
    return homes.simulator_ports(home, wait_s=0, pause=time.sleep)


class TestKeys:
    def test_are_made_once_and_readable_by_their_owner_alone(self, empty_home: Path) -> None:
        settings = Settings(_env_file=None, rassom_home=empty_home)

        key = homes.owner_key(settings)

        assert key.startswith("rsk_")
        assert homes.owner_key(settings) == key
        assert homes.simulator_key(empty_home) == homes.simulator_key(empty_home) != key
        assert {mode(empty_home / "api-key"), mode(empty_home / "simulator-key")} == {0o600}
        assert sorted(path.name for path in empty_home.iterdir()) == ["api-key", "simulator-key"]

    def test_a_key_that_was_cut_off_is_made_anew(self, empty_home: Path) -> None:
        (empty_home / "api-key").touch()

        assert homes.owner_key(Settings(_env_file=None, rassom_home=empty_home)).startswith("rsk_")

    def test_the_one_that_is_set_goes_first(self, empty_home: Path) -> None:
        key = "rsk_" + "a" * 43

        assert homes.owner_key(Settings(_env_file=None, rassom_home=empty_home, bootstrap_api_key=key)) == key
        assert not list(empty_home.iterdir())


class TestSimulatorPorts:
    def test_are_the_same_at_each_start(self, empty_home: Path) -> None:
        assert some_ports(empty_home) == some_ports(empty_home)

    def test_are_others_when_somebody_took_one(self, empty_home: Path) -> None:
        before = some_ports(empty_home)
        with socket.create_server(("127.0.0.1", before[1])):
            others = some_ports(empty_home)

        assert before[1] not in others
        assert some_ports(empty_home) == others

    @pytest.mark.parametrize("torn", ["", "[1", "[1]", '["a", "b"]', "7"])
    def test_do_not_mind_a_torn_note(self, empty_home: Path, torn: str) -> None:
        (empty_home / "simulator-ports.json").write_text(torn)

        assert len(set(some_ports(empty_home))) == 2


class TestLock:
    def test_keeps_a_second_one_off_and_tells_of_one_that_was_cut_off(self, prepared: Path) -> None:
        with homes.locked(prepared) as was_cut_off:
            assert not was_cut_off
            with pytest.raises(AlreadyRunningError, match="running already"), homes.locked(prepared):
                pass
        with homes.locked(prepared) as was_cut_off:
            assert not was_cut_off

        # As a `kill -9` leaves it: its number is still written there.
        (prepared / "run" / "up.lock").write_text(f"{os.getpid()}\n")
        with homes.locked(prepared) as was_cut_off:
            assert was_cut_off


class TestRunning:
    def test_is_found_by_other_commands_while_it_runs(self, prepared: Path) -> None:
        settings = Settings(_env_file=None, rassom_home=prepared)
        with homes.locked(prepared):
            assert homes.find_running(prepared) is None
            homes.write_running(prepared, SOMEWHERE)

            assert mode(prepared / "run" / "up.json") == 0o600
            assert homes.find_running(prepared) == SOMEWHERE
            assert homes.with_running(settings).database_dsn == SOMEWHERE.database_url
        assert homes.find_running(prepared) is None
        assert homes.with_running(settings).database_dsn is None

    def test_does_not_replace_a_database_that_is_named(self, prepared: Path) -> None:
        settings = Settings(_env_file=None, rassom_home=prepared, database_url="postgresql://mine/db")
        with homes.locked(prepared):
            homes.write_running(prepared, SOMEWHERE)

            assert homes.with_running(settings).database_dsn == "postgresql://mine/db"
