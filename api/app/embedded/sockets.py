"""Where the Unix sockets of the embedded servers are: `<home>/run`, or a short directory when that path is too long."""

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from app.embedded.processes import EmbeddedError

# A Unix socket's path has 107 bytes at most (104 on macOS); the longest name in the directory is `.s.PGSQL.5432.lock`.
DIR_MAX_BYTES = 85


def directory(home: Path) -> Path:
    """The directory, made when it is not there, that only this user may enter; always the same one for a home.

    Raises EmbeddedError when another user holds the short one.
    """
    wanted = home.resolve() / "run"
    # PostgreSQL reads a comma or a quote as a list of directories.
    if len(os.fsencode(wanted)) > DIR_MAX_BYTES or set(str(wanted)) & set(",\"'"):
        name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
        wanted = Path(tempfile.gettempdir()).resolve() / f"rassom-{os.geteuid()}-{name}"
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = wanted.lstat()
    if not stat.S_ISDIR(found.st_mode) or os.geteuid() not in {0, found.st_uid}:
        msg = f"{wanted} belongs to another user. Use a home with a shorter path: RASSOM_HOME=$HOME/rassom make run"
        raise EmbeddedError(msg)
    wanted.chmod(0o700)
    return wanted


def leave(socket_dir: Path, home: Path) -> None:
    """Remove the short directory once the last server has left it."""
    if socket_dir != home.resolve() / "run":
        with contextlib.suppress(OSError):
            socket_dir.rmdir()
