import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.embedded import processes
from tests.embedded import census

SUPERVISOR = Path(__file__).with_name("some_supervisor.py")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")


class TestKilledSupervisor:
    def test_takes_everything_with_it_and_the_next_one_starts(self, empty_home: Path, as_user: list[str]) -> None:
        for _ in range(2):
            command = [*as_user, sys.executable, str(SUPERVISOR), str(empty_home)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
                assert supervisor.stdout is not None
                assert supervisor.stdout.readline() == "ready\n"
                children = census.descendants(supervisor.pid)
                assert {"postgres", "valkey-server", "time.sleep(60)"} <= {
                    word for text in children.values() for word in _words(text)
                }
                supervisor.kill()
            assert census.wait_until_gone(children, within_s=5) == {}


class TestLog:
    def test_is_put_aside_when_it_has_grown_large(self, empty_home: Path) -> None:
        log = empty_home / "some.log"
        log.write_bytes(b"x" * (processes.LOG_MAX_BYTES + 1))
        processes.run([sys.executable, "-c", "import sys; sys.stderr.write('new')"], log=log)
        assert log.read_text() == "new"
        assert (empty_home / "some.log.1").stat().st_size == processes.LOG_MAX_BYTES + 1


class TestRun:
    def test_ends_the_command_when_the_waiting_is_over(self, empty_home: Path) -> None:
        def give_up(_: float) -> None:
            raise KeyboardInterrupt

        started_s = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            processes.run([sys.executable, "-c", "import time; time.sleep(60)"], log=empty_home / "some.log", pause=give_up)
        assert time.monotonic() - started_s < 2


def _words(command: str) -> list[str]:
    return [Path(word).name for word in command.split()]
