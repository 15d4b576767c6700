"""The one source of the process's time. What must agree between processes (deadlines, windows) uses the database's now()."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one source


def unix_s() -> float:
    """Now, in seconds since 1970; where an object for each moment would cost too much."""
    return time.time()


def monotonic_s() -> float:
    """Seconds that never jump back; only for durations."""
    return time.monotonic()
