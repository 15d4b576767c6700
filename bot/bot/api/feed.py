"""The feed of every generation's changes, as server-sent events are written."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from pydantic import ValidationError

from bot.api.client import ApiClient
from bot.api.errors import ApiAwayError
from bot.api.wire import FedGeneration

# The API says something every 15 s.
SILENCE_MAX_S = 40.0


@dataclass(frozen=True)
class Change:
    """A generation as it was after one change."""

    id: int
    generation: FedGeneration


async def follow(api: ApiClient, *, after: int | None) -> AsyncIterator[Change]:
    """Every change after that one, or from now on; ends when the API ends the stream. Raises ApiRefusalError, ApiAwayError."""
    async with api.stream("/events", last_event_id=after, silence_max_s=SILENCE_MAX_S) as lines:
        event_id, data = None, ""
        try:
            async for raw in lines:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("id:"):
                    event_id = int(line[3:])
                elif line.startswith("data:"):
                    data = line[5:].strip()
                elif not line and data and event_id is not None:
                    yield Change(event_id, FedGeneration.model_validate_json(data))
                    data = ""
        except (aiohttp.ClientError, TimeoutError, ValueError, ValidationError) as error:
            raise ApiAwayError(f"feed: {type(error).__name__}") from error
