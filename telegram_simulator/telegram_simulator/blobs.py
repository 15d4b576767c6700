"""Bytes of files: in memory, or in a directory; of too many the least used go."""

from collections import OrderedDict
from pathlib import Path

HELD_BYTES_MAX = 256 * 1024 * 1024
DIRECTORY_BYTES_MAX = 2 * 1024 * 1024 * 1024


class Blobs:
    """Named bytes, at most as many as fit; in a directory they outlive a kill."""

    def __init__(self, directory: Path | None = None, bytes_max: int | None = None) -> None:
        self._directory = directory
        self._bytes_max = bytes_max or (DIRECTORY_BYTES_MAX if directory else HELD_BYTES_MAX)
        self._held: dict[str, bytes] = {}
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total = 0
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            for path in sorted(directory.iterdir(), key=lambda entry: entry.stat().st_mtime_ns):
                self._sizes[path.name] = path.stat().st_size
                self._total += path.stat().st_size

    def put(self, name: str, content: bytes) -> None:
        """Keep the bytes under the name; on disk a reader sees the old file or the whole new one."""
        self._forget(name)
        self._sizes[name] = len(content)
        self._total += len(content)
        if self._directory is None:
            self._held[name] = content
        else:
            path = self._directory / name
            fresh = path.with_name(f"{name}.new")
            fresh.write_bytes(content)
            fresh.replace(path)
        while self._total > self._bytes_max and len(self._sizes) > 1:
            self._forget(next(iter(self._sizes)))

    def find(self, name: str) -> bytes | None:
        """Return the bytes of the name, or None."""
        if name not in self._sizes:
            return None
        self._sizes.move_to_end(name)
        return self._held[name] if self._directory is None else (self._directory / name).read_bytes()

    def clear(self) -> None:
        """Forget everything."""
        for name in list(self._sizes):
            self._forget(name)

    def _forget(self, name: str) -> None:
        self._total -= self._sizes.pop(name, 0)
        self._held.pop(name, None)
        if self._directory is not None:
            (self._directory / name).unlink(missing_ok=True)
