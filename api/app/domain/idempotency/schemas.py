"""What a repeated request finds."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ticket:
    """A keyed request: whose, under which key, and what it asks for: the operation and its validated body as JSON."""

    caller: str
    key: str
    operation: str
    request: Any


@dataclass(frozen=True)
class Stored:
    """The first request with this key, and whether it asked for the same thing."""

    is_same: bool
    answer: dict[str, Any] | None
