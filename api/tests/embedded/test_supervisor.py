import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from app.embedded import processes, supervisor
from app.embedded.processes import EmbeddedError, Pause
from app.embedded.supervisor import Part, Program, StopRequested, Supervisor

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"
TELLING = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print(time.monotonic())))
print("up", flush=True)
time.sleep(60)
"""
BROKEN = "import sys; sys.exit('no such table')"


def python(code: str, home: Path, name: str = "part", stage: int = 0) -> Part[Program]:
    log = home / f"{name}.log"

    def start(pause: Pause) -> Program:
        program = Program(processes.start([sys.executable, "-c", code], log=log))
        while code != BROKEN and "up" not in processes.tail(log):
            pause(0.01)
        return program

    return Part(name, start, log, stage)


@contextmanager
def signals(*delays_s: float) -> Iterator[None]:
    """Send ourselves a SIGTERM after each of these delays, as a terminal or `kill` would."""
    timers = [threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGTERM)) for delay_s in delays_s]
    for timer in timers:
        timer.start()
    yield
    for timer in timers:
        timer.join()


def run(boss: Supervisor, *parts: Part[Program]) -> list[subprocess.Popen[bytes]]:
    """Run these until a signal comes; their processes."""
    started: list[subprocess.Popen[bytes]] = []
    with suppress(StopRequested), boss.running():
        started += [boss.add(part).process for part in parts]
        boss.watch()
    return started


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RESTART_DELAY_MIN_S", 0.01)
    monkeypatch.setattr(supervisor, "RESTART_DELAY_MAX_S", 0.05)


class TestDeath:
    def test_starts_again_what_dies_and_says_so(self, empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        boss, part = Supervisor(), python(OBEDIENT, empty_home)
        with boss.running():
            first = boss.add(part).process
            boss.steady()
            first.kill()
            while part.server is None or part.server.process is first:
                boss.tend()
            assert part.server.process.poll() is None
        said = capsys.readouterr().out
        assert "part ended unexpectedly (killed by SIGKILL); it is started again in 0.5 s." in said
        assert "part runs again" in said

    @pytest.mark.usefixtures("impatient")
    def test_gives_up_on_what_keeps_dying_with_its_last_words(self, empty_home: Path) -> None:
        with pytest.raises(EmbeddedError, match=r"part ended 11 times within a minute \(exit code 1\)(.|\n)*no such table"):
            run(Supervisor(), python(BROKEN, empty_home))

    def test_is_the_end_while_rassom_is_starting(self, empty_home: Path) -> None:
        boss = Supervisor()
        with boss.running():
            boss.add(python(BROKEN, empty_home))
            with pytest.raises(EmbeddedError, match=r"part ended while Rassom was starting(.|\n)*no such table"):
                boss.wait_for(lambda: False, within_s=5, what="It")

    def test_of_one_does_not_keep_another_waiting(self, empty_home: Path) -> None:
        boss, part = Supervisor(), python(OBEDIENT, empty_home)
        with boss.running():
            boss.add(python(BROKEN, empty_home, "broken"))
            first = boss.add(part).process
            boss.steady()
            first.kill()
            started_s = time.monotonic()
            while part.server is None or part.server.process is first:
                boss.tend()
            assert time.monotonic() - started_s < 2


class TestStop:
    def test_stops_the_programs_before_the_databases(self, empty_home: Path) -> None:
        database = python(TELLING, empty_home, "database", stage=2)
        program = python(TELLING, empty_home, "program", stage=0)
        with signals(0.5):
            assert [process.returncode for process in run(Supervisor(), database, program)] == [0, 0]
        assert float(processes.tail(program.log, 1)) < float(processes.tail(database.log, 1))

    def test_takes_less_than_five_seconds_though_nothing_obeys(self, empty_home: Path) -> None:
        started_s = time.monotonic()
        with signals(0.7):
            stubborn = run(Supervisor(), *(python(STUBBORN, empty_home, f"part {stage}", stage) for stage in range(3)))
        assert time.monotonic() - started_s < 0.7 + 5
        assert [process.returncode for process in stubborn] == [-signal.SIGKILL] * 3

    def test_a_second_signal_kills_at_once(self, empty_home: Path) -> None:
        started_s = time.monotonic()
        with signals(0.7, 1.2):
            (stubborn,) = run(Supervisor(), python(STUBBORN, empty_home))
        assert time.monotonic() - started_s < 2
        assert stubborn.returncode == -signal.SIGKILL

    def test_a_signal_ends_a_start_that_hangs(self, empty_home: Path) -> None:
        def hang(pause: Pause) -> Program:
            pause(60)
            raise AssertionError

        started_s = time.monotonic()
        with signals(0.3):
            run(Supervisor(), Part("part", hang, empty_home / "part.log"))
        assert time.monotonic() - started_s < 1
