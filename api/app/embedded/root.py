"""How root starts PostgreSQL, which refuses to run as root: as somebody without rights, on files that stay where they are."""

import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path

from app.embedded.processes import EmbeddedError

NOBODY = 65534


def step_down(data: Path, *, way_out: str) -> tuple[str, ...]:
    """The command that runs another one without root's rights, able to use the data directory `data`; nothing when we are not root.

    A user namespace comes first: the files stay root's, and a home that others may not enter stays closed. Where that is forbidden
    (many containers), or the data belongs to a user already, `setpriv` becomes that user, and `data` is given to it.
    Raises EmbeddedError, ending in `way_out`, when this machine allows neither.
    """
    if os.geteuid() != 0:
        return _nameless()
    owner = data.stat()
    if owner.st_uid == 0:
        if (namespace := _namespace()) is not None:
            return namespace
        _give(data, NOBODY)
        owner = data.stat()
    command = _setpriv(owner.st_uid, owner.st_gid)
    if not _works(command):
        msg = f"PostgreSQL does not run as root, and this machine does not let root step down. Run as an ordinary user. {way_out}"
        raise EmbeddedError(msg)
    return command


def _nameless() -> tuple[str, ...]:
    # initdb wants a user with a name; `docker run --user 12345` gives one without.
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return _namespace() or ()
    return ()


@cache
def _namespace() -> tuple[str, ...] | None:
    command = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    return command if _works(command) else None


def _setpriv(uid: int, gid: int) -> tuple[str, ...]:
    # It keeps one right of root's: to pass through directories that others may not enter. A change of user forgets the signal that
    # ends us with our parent, so setpriv asks for it again.
    keep = "-all,+dac_override"
    rights = (f"--inh-caps={keep}", f"--ambient-caps={keep}", f"--bounding-set={keep}")
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *rights, "--pdeathsig=INT")


def _works(command: tuple[str, ...]) -> bool:
    return bool(shutil.which(command[0])) and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0  # noqa: S603 - two fixed commands


def _give(folder: Path, uid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
