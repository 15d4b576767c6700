"""What a repeated request finds."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ticket:
    """A keyed request: whose, under which key, and what it asks for."""

    caller: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True)
class Stored:
    """The first request with this key."""

    fingerprint: bytes
    answer: dict[str, Any] | None
