"""Reading the JSON that another server answers, without letting it fill the memory."""

import json

import aiohttp

ANSWER_MAX_BYTES = 8 * 1024 * 1024


async def read_json(response: aiohttp.ClientResponse) -> object:
    """The answer's JSON. Raises ValueError when it is none, or larger than any answer that is expected of anybody."""
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
