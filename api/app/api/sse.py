"""Server-sent events as the HTML standard writes them: an id, the word `status`, one line of JSON; comments as signs of life."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from fastapi import Header
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from app.core.errors import ServiceUnavailableError
from app.core.logging import get_logger

_log = get_logger(__name__)

LastEventId = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=0, lt=2**63, description="The id of the last event you have seen", examples=[None])
]


class EventStream(StreamingResponse):
    """A stream that proxies must neither keep nor collect."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


class _Change(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def generation(self) -> BaseModel: ...


async def as_events(changes: AsyncIterator[_Change | None], *, first: _Change | None = None) -> AsyncIterator[bytes]:
    """Changes as events, `first` before them; None as a comment. The stream ends when the database goes away: the client comes back
    with its last id.
    """
    # At once, so that the client knows that the stream is open.
    yield b": open\n\n" + (_as_event(first) if first else b"")
    try:
        async for change in changes:
            yield _as_event(change) if change else b": alive\n\n"
    except ServiceUnavailableError:
        _log.warning("stream_ended_without_database")


def _as_event(change: _Change) -> bytes:
    return f"id: {change.id}\nevent: status\ndata: {change.generation.model_dump_json()}\n\n".encode()
