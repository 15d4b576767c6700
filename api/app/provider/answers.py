"""What an answer of the provider says beside its JSON, and what went wrong in a few words."""

import math

import aiohttp

REASON_CHARS_MAX = 300


def retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    """The answer's Retry-After in seconds, if it has one that is a sensible number."""
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def short(error: BaseException) -> str:
    """An error for a log line or an attempt row."""
    return f"{type(error).__name__}: {error}"[:REASON_CHARS_MAX]
