"""Reading an answer of the provider: bounded, as JSON, and what went wrong in a few words."""

import json
import math

import aiohttp

ANSWER_MAX_BYTES = 8 * 1024 * 1024
REASON_CHARS_MAX = 300


async def read_json(response: aiohttp.ClientResponse) -> object:
    """The answer's JSON. Raises ValueError when it is none, or larger than any answer of the provider."""
    raw = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        raw += chunk
        if len(raw) > ANSWER_MAX_BYTES:
            msg = "the answer is too large"
            raise ValueError(msg)
    try:
        answer: object = json.loads(raw)
    except RecursionError as error:
        msg = "the answer is nested too deeply"
        raise ValueError(msg) from error
    return answer


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
