"""Keeps a list of parts running: starts them in order, starts again what dies, stops them in stages.

One thread, one loop. A signal is only noted when it comes; it is acted on in `pause`, where nothing is half done.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Generic, NoReturn, Protocol, TypeVar

from app.embedded import processes
from app.embedded.processes import EmbeddedError, Pause

TICK_S = 0.1
RESTART_DELAY_MIN_S = 0.5
# Short enough that a part which can never start meets the limit below.
RESTART_DELAY_MAX_S = 5.0
# A part that lived so long has no trouble with its start: the delay begins anew.
LIVED_S = 10.0
DEATHS_MAX = 10
DEATHS_WINDOW_S = 60.0
# When each stage is over, counted from the order to stop: our programs, the provider, the databases. What is still there is killed.
STOP_STAGES_S = (3.2, 3.6, 4.5)


class StopRequested(Exception):  # noqa: N818 - nothing went wrong
    """A signal asked for the end."""


class Server(Protocol):
    """A running part: PostgreSQL, Valkey, or one of our programs."""

    stop_signal: ClassVar[signal.Signals]

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its process."""
        ...

    def stop(self) -> None:
        """Stop it, wait until it is gone, and clear up behind it."""


@dataclass(frozen=True)
class Program:
    """One of our own programs as a Server."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Tell it to stop and wait; kill it when it takes too long."""
        processes.stop(self.process, self.stop_signal, within_s=STOP_STAGES_S[0])


_S = TypeVar("_S", bound=Server)


@dataclass
class Part(Generic[_S]):
    """A server by name, how to start it (again), its log, and the stage in which it is stopped.

    `start` returns once it is ready for those that depend on it; it waits with the function that it is given.
    """

    name: str
    start: Callable[[Pause], _S]
    log: Path
    stage: int = 0
    server: _S | None = None
    due_s: float = 0.0
    started_s: float = 0.0
    said_before: int = 0
    quick_deaths: int = 0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_MAX + 1))


class Supervisor:
    """The parts of one `rassom up`, in the order in which they need each other."""

    def __init__(self) -> None:
        self._parts: list[Part[Any]] = []
        self._signals = 0
        self._is_steady = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to SIGINT, SIGTERM and SIGHUP inside the block, and stop every part at its end, however it ends."""
        names = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else it is `nohup` that started us
            names.append(signal.SIGHUP)
        before = {name: signal.signal(name, self._on_signal) for name in names}
        try:
            yield
        finally:
            self._stop_all()
            for name, handler in before.items():
                signal.signal(name, handler)

    def add(self, part: Part[_S]) -> _S:
        """Start a part and keep it running from now on. Raises EmbeddedError, StopRequested."""
        server = self._start(part)
        self._parts.append(part)
        return server

    def pause(self, seconds: float) -> None:
        """Wait, without a look at the parts. Raises StopRequested as soon as a signal has asked for the end."""
        deadline_s = time.monotonic() + seconds
        while True:
            if self._signals:
                raise StopRequested
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(left_s, TICK_S))

    def tend(self, seconds: float = TICK_S) -> None:
        """One look at every part, then wait. Raises StopRequested; EmbeddedError when a part keeps dying."""
        for part in self._parts:
            if part.server is not None and part.server.process.poll() is not None:
                self._bury(part, part.server)
            if part.server is None and time.monotonic() >= part.due_s:
                self._revive(part)
        self.pause(seconds)

    def wait_for(self, is_ready: Callable[[], bool], *, within_s: float, what: str) -> None:
        """Tend the parts until `is_ready` says so. Raises EmbeddedError after `within_s` seconds."""
        deadline_s = time.monotonic() + within_s
        while not is_ready():
            if time.monotonic() > deadline_s:
                logs = "\n".join(f"{part.log}:\n{_indented(processes.tail(part.log, 5))}" for part in self._parts)
                raise EmbeddedError(f"{what} did not become ready within {within_s:.0f} s. The ends of the logs:\n{logs}")
            self.tend(0.05)

    def watch(self) -> NoReturn:
        """Start again what dies. Ends with StopRequested when a signal asks for it, EmbeddedError when a part keeps dying."""
        self.steady()
        while True:
            self.tend()

    def steady(self) -> None:
        """Everything has started: what dies from now on is started again. Until now it was the end of the whole."""
        self._is_steady = True

    def _start(self, part: Part[_S]) -> _S:
        part.said_before = processes.size(part.log)
        server = part.server = part.start(self.pause)
        part.started_s = time.monotonic()
        return server

    def _bury(self, part: Part[Any], server: Server) -> None:
        server.stop()
        part.server = None
        self._note_death(part, _ending(server.process.returncode))

    def _revive(self, part: Part[Any]) -> None:
        try:
            self._start(part)
        except (EmbeddedError, OSError) as error:
            self._note_death(part, str(error))
        else:
            say(f"{part.name} runs again")

    def _note_death(self, part: Part[Any], reason: str) -> None:
        now_s = time.monotonic()
        last_words = f"The end of {part.log}:\n{_indented(processes.tail(part.log, since=part.said_before))}"
        if not self._is_steady:
            raise EmbeddedError(f"{part.name} ended while Rassom was starting ({reason}). {last_words}")
        part.deaths.append(now_s)
        if len(part.deaths) > DEATHS_MAX and now_s - part.deaths[0] < DEATHS_WINDOW_S:
            raise EmbeddedError(f"{part.name} ended {len(part.deaths)} times within a minute ({reason}). {last_words}")
        part.quick_deaths = 0 if now_s - part.started_s > LIVED_S else part.quick_deaths + 1
        delay_s = min(RESTART_DELAY_MIN_S * 2 ** max(0, part.quick_deaths - 1), RESTART_DELAY_MAX_S)
        part.due_s = now_s + delay_s
        say(f"{part.name} ended unexpectedly ({reason}); it is started again in {delay_s:.1f} s. {last_words}")

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self._signals += 1

    def _stop_all(self) -> None:
        begun_s, signals = time.monotonic(), self._signals
        if not self._parts:
            return
        say("Stopping. Ctrl-C again kills at once." if signals else "Stopping.")
        for stage, within_s in enumerate(STOP_STAGES_S):
            servers = [part.server for part in self._parts if part.stage == stage and part.server is not None]
            for server in servers:
                if server.process.poll() is None:
                    server.process.send_signal(server.stop_signal)
            while any(server.process.poll() is None for server in servers):
                if time.monotonic() > begun_s + within_s or self._signals > signals:
                    break
                time.sleep(0.01)
            for server in servers:
                processes.kill(server.process)
                server.stop()
        self._parts.clear()
        say("Stopped.")


def say(line: str) -> None:
    """A line for the person at the terminal, at once; nothing from the moment on when the terminal is gone."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        # What is left in the buffer would be an error again at our own end.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the rest of our life


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.splitlines())
