"""Child processes that end with us: how every server and program of `rassom up` is started and stopped.

Each child leads a process group of its own, so that a Ctrl-C in the terminal reaches only the supervisor, which then stops them in
order. On Linux the kernel signals a child when its parent dies, also by `kill -9` (PR_SET_PDEATHSIG). On macOS nothing does: after
a `kill -9` of the supervisor the next start ends the old database servers, but an old API or worker has to be stopped by hand.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOG_MAX_BYTES = 10 * 1024 * 1024
KILLED_WITHIN_S = 2.0
# Runs in the child before the program itself (Popen's preexec_fn could wait for ever for the lock of another thread).
# 1 is PR_SET_PDEATHSIG; the interpreter ignores two signals that the program must not find ignored.
_TIE = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[2]), 0, 0, 0)
for name in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(name, signal.SIG_DFL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the supervisor is gone")
os.execvp(sys.argv[3], sys.argv[3:])
"""

Pause = Callable[[float], None]
"""Waits for so many seconds; may raise to end the waiting, as a supervisor does that was told to stop."""


class EmbeddedError(Exception):
    """Something on this machine keeps Rassom from starting; the message says what, and the way out."""


def start(
    command: Sequence[str | Path],
    *,
    log: Path | None,
    env: Mapping[str, str] | None = None,
    dies_by: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` with its output appended to `log` (rotated when large), or shown on our own output when there is none.

    `dies_by` is the signal it gets when this process dies. Call it from the main thread only: on Linux the tie is to the thread
    that forked, not to the process.
    """
    tie = [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), str(int(dies_by))] if sys.platform == "linux" else []
    with contextlib.ExitStack() as stack:
        sink = None
        if log is not None:
            _rotate(log)
            sink = stack.enter_context(log.open("ab"))
        return subprocess.Popen(  # noqa: S603 - our own programs
            [*tie, *(str(part) for part in command)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=None if env is None else dict(env),
            process_group=0,
        )


def run(command: Sequence[str | Path], *, log: Path | None, env: Mapping[str, str] | None = None, pause: Pause = time.sleep) -> int:
    """Run `command` to its end and return its exit code; what `pause` raises ends the command first."""
    process = start(command, log=log, env=env)
    try:
        while process.poll() is None:
            pause(0.02)
    finally:
        stop(process, signal.SIGTERM, within_s=KILLED_WITHIN_S)
    return process.returncode


def stop(process: subprocess.Popen[bytes], name: signal.Signals, *, within_s: float) -> None:
    """Send `name` and wait; what is still there after `within_s` seconds is killed with its whole group."""
    if process.poll() is None:
        process.send_signal(name)
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End it and its group at once and collect it; nothing when it has ended already."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def size(log: Path) -> int:
    """How much is in a log now: where to read on with `said_since`."""
    return log.stat().st_size if log.exists() else 0


def said_since(log: Path, offset: int) -> str:
    """What was written to a log after it had `offset` bytes."""
    with log.open("rb") as file:
        # A rotation at the start makes the log shorter than it was.
        file.seek(offset if offset <= size(log) else 0)
        return file.read().decode(errors="replace")


def tail(log: Path, lines: int = 20, *, since: int = 0) -> str:
    """The last lines of a log, of those after its first `since` bytes, for the message that says why something ended."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(since if since <= size(log) else 0, size(log) - 16_384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def _rotate(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if size(log) > LOG_MAX_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))
