"""The state directory's append-only log: one JSON line per event, replayed at start."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


class Journal:
    """An append-only file of events. Every line leaves the process before `write` returns, so `kill -9` loses none."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)

    def replay(self) -> Iterator[dict[str, Any]]:
        """Yield the events written so far; a line torn by a crash is left out and closed, so that the next one is whole."""
        kept = self._path.read_bytes()
        for line in kept.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                logger.warning("left out a torn line of %s", self._path)
                continue
            yield event
        if kept and not kept.endswith(b"\n"):
            self._file.write(b"\n")

    def write(self, event: str, **facts: object) -> None:
        """Append one event."""
        self._file.write(json.dumps({"event": event, **facts}, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
