"""The simulator's only clock."""

import time
from datetime import UTC, datetime


def unix_s() -> int:
    """Return whole Unix seconds, as the Bot API writes every date."""
    return int(time.time())


def now_s() -> float:
    """Return Unix seconds with their fraction."""
    return time.time()


def hour_and_minute(unix: int) -> str:
    """Return the time of day a phone shows beside a message, in UTC."""
    return datetime.fromtimestamp(unix, UTC).strftime("%H:%M")
