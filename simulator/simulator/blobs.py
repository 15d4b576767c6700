"""Bytes of uploads and outputs: in memory, or as files when the simulator has a state directory."""

from collections import OrderedDict
from pathlib import Path


class Blobs:
    """Named bytes. In memory at most `held_max` are kept (None: all), the least used go first; in a directory all stay."""

    def __init__(self, directory: Path | None = None, held_max: int | None = None) -> None:
        self._directory = directory
        self._held_max = held_max
        self._held: OrderedDict[str, bytes] = OrderedDict()
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, content: bytes) -> None:
        """Keep the bytes under the name; on disk a reader sees the old file or the whole new one."""
        if self._directory is not None:
            path = self._directory / _file_name(name)
            fresh = path.with_name(f"{path.name}.new")
            fresh.write_bytes(content)
            fresh.replace(path)
            return
        self._held[name] = content
        self._held.move_to_end(name)
        if self._held_max is not None and len(self._held) > self._held_max:
            self._held.popitem(last=False)

    def find(self, name: str) -> bytes | None:
        """Return the bytes of the name, or None."""
        if self._directory is not None:
            path = self._directory / _file_name(name)
            return path.read_bytes() if path.exists() else None
        if name in self._held:
            self._held.move_to_end(name)
        return self._held.get(name)


def _file_name(name: str) -> str:
    return name.replace("/", "_")
