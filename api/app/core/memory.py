"""What a process read a moment ago, so that a busy one does not ask the database the same thing for every request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.core import clock

_T = TypeVar("_T")


@dataclass
class _Known:
    value: Any
    read_at_s: float
    is_being_read: bool = False


@dataclass
class Memory:
    """Answers by name. An old answer is read again by whoever asks first; the others get the old one until that is done."""

    _known: dict[str, _Known] = field(default_factory=dict)

    async def recall(self, name: str, read: Callable[[], Awaitable[_T]], *, fresh_s: float) -> _T:
        """What `read` answered less than `fresh_s` ago, or answers now. Raises what `read` raises."""
        known = self._known.get(name)
        if known is None:
            # Nothing to show meanwhile, so everybody reads. Waiting for one of them could need the connection that it waits for.
            known = self._known[name] = _Known(await read(), clock.monotonic_s())
        elif not known.is_being_read and clock.monotonic_s() - known.read_at_s >= fresh_s:
            known.is_being_read = True
            try:
                known.value, known.read_at_s = await read(), clock.monotonic_s()
            finally:
                known.is_being_read = False
        value: _T = known.value
        return value

    def forget(self, name: str) -> None:
        """Read it anew the next time; for whoever has just changed it."""
        self._known.pop(name, None)
