"""What a restart keeps: named records in one SQLite file, written together with the answer that tells of them."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Store:
    """Records by kind and key. Without a directory nothing is written and nothing is found.

    `keep` and `drop` are not on disk before `commit`; whoever answers a request commits first, so that a kill takes back only
    what nobody was told. The disk is not waited for: a power cut may lose the last moments, a killed process none.
    """

    def __init__(self, directory: Path | None) -> None:
        self._database: sqlite3.Connection | None = None
        self._is_dirty = False
        if directory is None:
            return
        directory.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(directory / "telegram.sqlite3")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS records (kind TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )

    def keep(self, kind: str, key: object, value: dict[str, Any]) -> None:
        """Keep the record under its kind and key, in place of an earlier one."""
        if self._database is not None:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (kind, str(key), text))
            self._is_dirty = True

    def drop(self, kind: str, key: object) -> None:
        """Forget the record."""
        if self._database is not None:
            self._database.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, str(key)))
            self._is_dirty = True

    def wipe(self) -> None:
        """Forget every record."""
        if self._database is not None:
            self._database.execute("DELETE FROM records")
            self._is_dirty = True

    def load(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a kind, in no order."""
        if self._database is not None:
            for (text,) in self._database.execute("SELECT value FROM records WHERE kind = ?", (kind,)).fetchall():
                yield json.loads(text)

    def commit(self) -> None:
        """Hand everything to the operating system: what was kept so far outlives a kill."""
        if self._database is not None and self._is_dirty:
            self._database.commit()
            self._is_dirty = False

    def close(self) -> None:
        """Commit and close the file."""
        if self._database is not None:
            self._database.commit()
            self._database.close()
            self._database = None
