"""The simulator's only clock, and the two ways the protocol writes a time."""

import re
import time
from datetime import UTC, datetime

NS_PER_S = 1_000_000_000
# Seconds, their fraction, and the zone: Python's own reader keeps only six digits of a fraction.
_FRACTION = re.compile(r"([^.]*)(?:\.(\d+))?(.*)", re.DOTALL)


def now_ns() -> int:
    """Return nanoseconds since the Unix epoch."""
    return time.time_ns()


def unix_s() -> int:
    """Return whole Unix seconds, as `webhook-timestamp` wants them (protocol 4.3)."""
    return time.time_ns() // NS_PER_S


def rfc3339(moment_ns: int) -> str:
    """Return the moment as UTC with up to nine fractional digits, trailing zeros dropped (protocol 2.2)."""
    seconds, fraction = divmod(moment_ns, NS_PER_S)
    digits = f"{fraction:09d}".rstrip("0")
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def rfc3339_seconds(moment_ns: int) -> str:
    """Return the moment as UTC without a fraction, the form of a ticket's `expires_at` (protocol 4.1)."""
    return rfc3339(moment_ns // NS_PER_S * NS_PER_S)


def parse_iso8601(text: str) -> int:
    """Return nanoseconds for an ISO 8601 text; a time without a zone is UTC.

    Raises ValueError when the text is no such time.
    """
    parts = _FRACTION.fullmatch(text)
    if parts is None:
        raise ValueError(f"no ISO 8601 time: {text!r}")
    whole, digits, zone = parts.groups("")
    moment = datetime.fromisoformat(whole + zone)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * NS_PER_S + int(digits.ljust(9, "0")[:9])
