"""The life of a broadcast and of each of its recipients."""

from enum import StrEnum

TEXT_MAX = 4096


class BroadcastState(StrEnum):
    """running until everybody was told, or until an operator stops it."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class RecipientState(StrEnum):
    """One recipient. Only a `due` one is handed out, and is `claimed` before anything is sent."""

    DUE = "due"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    BLOCKED = "blocked"


class Report(StrEnum):
    """What became of a claimed recipient; `returned` was surely not sent."""

    SENT = "sent"
    FAILED = "failed"
    BLOCKED = "blocked"
    RETURNED = "returned"


def length_of(text: str) -> int:
    """How long Telegram finds a text: it counts UTF-16, where an emoji is two."""
    return len(text.encode("utf-16-le")) // 2
