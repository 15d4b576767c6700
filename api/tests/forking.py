"""Processes forked from one that has imported everything: a start costs a tenth of a second instead of two.

What is forked ends with the fork server, and that with the process that asked for it.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

FORKS = get_context("forkserver")
# One list for the process: the fork server is one, and starts once. What imports this module is imported by it.
FORKS.set_forkserver_preload(["__main__", "tests.crash.launching", "tests.cli.rassom"])

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def become(env: Mapping[str, str], folder: Path, said: Path, complained: Path) -> None:
    """Give the process that was just forked this environment and no other, this directory, no input, and these files as output."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, file in ((1, said), (2, complained)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)


async def ended(process: ForkServerProcess, *, within_s: float) -> bool:
    """Wait for the process's end; False when it lives on."""
    try:
        async with asyncio.timeout(within_s):
            while process.exitcode is None:
                await asyncio.sleep(0.01)
    except TimeoutError:
        return False
    return True
