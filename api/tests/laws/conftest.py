"""The files of this repository, for the laws that hold for all of them."""

import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def repository_files() -> list[Path]:
    """Every file that is committed or about to be; without git (an unpacked archive), every file that .gitignore does not name."""
    try:
        # The checkout may belong to another user than the one who tests it.
        command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        files = [ROOT / name for name in names if name]
    except (FileNotFoundError, subprocess.CalledProcessError):
        ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
        files = list(_walk(ROOT, [*ignored, ".git"]))
    files = sorted(path for path in files if path.is_file())
    assert Path(__file__) in files
    return files


@pytest.fixture(scope="session")
def repository_texts(repository_files: list[Path]) -> dict[str, str]:
    """The text files by their path in the repository; pictures and fonts are left out."""
    contents = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in repository_files}
    return {name: content.decode(errors="replace") for name, content in contents.items() if b"\0" not in content}


def _walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    for path in folder.iterdir():
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path, ignored)
        else:
            yield path
