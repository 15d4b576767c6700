"""What the bot asked Telegram and how it was answered, for tests and for looking."""

from collections import deque
from typing import Any

from telegram_simulator import clock
from telegram_simulator.params import Params


class RequestLog:
    """The last `entries_max` requests, oldest first. A request stands here from its arrival; `ok` is null where no answer left."""

    def __init__(self, entries_max: int) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=entries_max)

    def open(self, method: str, params: Params) -> dict[str, Any]:
        """Write the arriving request down and return its entry, which the answer completes."""
        entry = {
            "method": method,
            "params": params.shown(),
            "ok": None,
            "error_code": None,
            "description": None,
            "at": clock.now_s(),
        }
        self._entries.append(entry)
        return entry

    def entries(self, method: str = "") -> list[dict[str, Any]]:
        """Return the entries of a method, or all of them."""
        return [entry for entry in self._entries if method.lower() in {"", entry["method"].lower()}]

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
