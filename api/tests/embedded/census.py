"""Which processes there are, by /proc: a pid and when it started, so that a pid that is used again is another process."""

import time
from pathlib import Path

Process = tuple[int, str]


def descendants(pid: int) -> dict[Process, str]:
    """Everything that `pid` has started, and what that has started, with its command line."""
    found: dict[Process, str] = {}
    parents = {pid}
    while parents:
        children = {process: parent for process, parent in _parents().items() if parent in parents and process not in found}
        found |= {process: _command(process[0]) for process in children}
        parents = {process[0] for process in children}
    return found


def wait_until_gone(processes: dict[Process, str], *, within_s: float) -> dict[Process, str]:
    """What is left of them when all are gone or the time is over."""
    deadline_s = time.monotonic() + within_s
    while True:
        left = {process: command for process, command in processes.items() if process in _parents()}
        if not left or time.monotonic() > deadline_s:
            return left
        time.sleep(0.05)


def _parents() -> dict[Process, int]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            found[int(stat.parent.name), fields[19]] = int(fields[1])
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
