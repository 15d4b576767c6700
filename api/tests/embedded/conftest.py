"""Homes for servers of a test's own, and what this machine allows."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded import postgres

ORDINARY_UID = 1  # `daemon`: a name that every system has


@pytest.fixture
def empty_home() -> Iterator[Path]:
    """A home with a short path where nothing was ever started."""
    with tempfile.TemporaryDirectory(prefix="rassom-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home where PostgreSQL was started before; whoever uses it leaves it as it was."""
    with tempfile.TemporaryDirectory(prefix="rassom-", ignore_cleanup_errors=True) as folder:
        postgres.start(Path(folder), durable=False).stop()
        yield Path(folder)


@pytest.fixture(params=["as we are", "as an ordinary user"])
def as_user(request: pytest.FixtureRequest, empty_home: Path) -> list[str]:
    """The command that runs another one as that user, whose the home is then."""
    return [] if request.param == "as we are" else become(empty_home, ORDINARY_UID)


def become(home: Path, uid: int) -> list[str]:
    """The command that makes root that user, and the home theirs."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else; the other case is this one")
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    asked = [*command, sys.executable, "-c", "import sys; print(sys.base_prefix)"]
    if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() != sys.base_prefix:
        pytest.skip(f"the Python in {sys.base_prefix} is for root alone")
    os.chown(home, uid, uid)
    return command


@pytest.fixture
def only_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Take every program off PATH but these."""

    def keep(*names: str) -> None:
        for name in names:
            (tmp_path / name).symlink_to(shutil.which(name) or name)
        monkeypatch.setenv("PATH", str(tmp_path))

    return keep
