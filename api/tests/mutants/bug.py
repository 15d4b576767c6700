"""What a seeded bug is: exact old text and what stands there instead, and the tests that must notice."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
APP = "api/app/"
FIRST_TABLES = "api/alembic/versions/0001_first_tables.py"


class PatchError(ValueError):
    """A bug no longer fits the code: its old text is not there exactly once."""


@dataclass(frozen=True)
class Edit:
    """In the file at `path`, `old` (which stands there once) becomes `new`."""

    path: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Write it below `root`. Raises PatchError."""
        file = root / self.path
        before = file.read_text()
        if before.count(self.old) != 1:
            raise PatchError(f"{self.path}: stands there {before.count(self.old)} times, not once: {self.old!r}")
        file.write_text(before.replace(self.old, self.new))


@dataclass(frozen=True)
class Bug:
    """One seeded bug. `tests` are below api/tests, as pytest names them; they run the code inside their own process."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def bug(name: str, path: str, old: str, new: str, *tests: str) -> Bug:
    """A bug in one place of api/app."""
    return Bug(name, (Edit(APP + path, old, new),), tests)
