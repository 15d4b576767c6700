"""Faults of Telegram, switched on for the next calls of a method."""

from dataclasses import dataclass
from typing import Any

from telegram_simulator.errors import BLOCKED, TelegramError, too_many_requests

ANY_METHOD = "*"
WEBHOOK = "webhook"
# What each kind does; `before` and `after` say whether Telegram carries the call out.
KINDS = {
    "429": "not carried out: Too Many Requests with parameters.retry_after",
    "403": "not carried out: Forbidden: bot was blocked by the user",
    "500": "not carried out: Internal Server Error",
    "502": "not carried out: the web server's own page instead of JSON",
    "timeout": "not carried out: no answer for `seconds`, then the connection is cut",
    "cut_after": "carried out, and the connection is cut instead of an answer",
    "500_after": "carried out, and Internal Server Error is answered",
}
_PARAMS = {"method", "kind", "times", "every", "retry_after", "seconds", "chat_id"}
_HOLD_S = 60.0


class FaultError(ValueError):
    """A fault was asked for that cannot be; the text says why."""


@dataclass(slots=True)
class Fault:
    """A fault that is on: of the calls it matches, every `every`-th, `times` times (None: until it is switched off)."""

    method: str
    kind: str
    times: int | None = 1
    every: int = 1
    retry_after: int = 1
    seconds: float = _HOLD_S
    chat_id: int | None = None
    seen: int = 0
    struck: int = 0

    def strikes(self, method: str, chat_id: str) -> bool:
        """Say whether it strikes this call, and count it."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.method.lower() not in {ANY_METHOD, method.lower()} or (self.chat_id is not None and str(self.chat_id) != chat_id):
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.struck += 1
        return True

    @property
    def is_after(self) -> bool:
        """Whether the call is carried out all the same."""
        return self.kind in {"cut_after", "500_after"}

    def refusal(self) -> TelegramError:
        """Return the refusal of a kind that has one."""
        if self.kind == "429":
            return too_many_requests(self.retry_after)
        if self.kind == "403":
            return TelegramError(403, BLOCKED)
        return TelegramError(500, "Internal Server Error")


def fault_from_json(body: dict[str, Any]) -> Fault:
    """Return the fault a control request asks for; raises FaultError when it cannot be."""
    unknown = sorted(set(body) - _PARAMS)
    if unknown:
        raise FaultError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(_PARAMS))}")
    if body.get("kind") not in KINDS:
        raise FaultError(f"kind must be one of {', '.join(KINDS)}")
    if not isinstance(body.get("method", ANY_METHOD), str):
        raise FaultError("method must be the name of a method, * for any of them, or webhook")
    for name in ("times", "every", "retry_after", "seconds", "chat_id"):
        value = body.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and (not is_number or (value < 1 and name in {"times", "every"})):
            raise FaultError(f"{name} must be a number, got {value!r}")
    given = {name: value for name, value in body.items() if value is not None or name == "times"}
    return Fault(**{"method": ANY_METHOD} | given)


class FaultBook:
    """The faults that are on, in the order they were switched on; of several that could strike, only the first does."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def find(self, method: str, chat_id: str = "") -> Fault | None:
        """Return the fault that strikes this call, or None."""
        for fault in self.faults:
            if fault.strikes(method, chat_id):
                return fault
        return None
