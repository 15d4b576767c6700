"""A cap on the requests that one process works on at once: what comes above it is refused now, not answered when it is too late.

Stands behind the body limit and before everything that waits (docs/decisions/0021): a request is in one piece when it takes its
place, and what is refused has touched neither Redis nor the database.
"""

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import clock
from app.core.exception_handlers import render_error
from app.core.logging import get_logger
from app.core.metrics import BUSY_REFUSALS, REQUESTS_AT_ONCE
from app.deps.errors import BusyError
from app.middlewares.paths import below

# As long as the database is waited for at most: who has held a place for longer waits for somebody else, such as the provider.
HELD_MAX_S = 5.0
WARN_EVERY_S = 10.0

_BODYLESS = frozenset({"GET", "HEAD"})

_log = get_logger(__name__)


class LoadLimitMiddleware:
    """Work on `places` requests at once and refuse the others with 503; paths below `exempt` take no place.

    A place is given back when the answer begins where the path ends like one of `streams`, so an open stream holds none; when a
    route begins to read a body that was not read before it, so a slow sender holds none; and when the request ends in whatever way.
    """

    def __init__(self, app: ASGIApp, *, places: int, exempt: Collection[str] = (), streams: Collection[str] = ()) -> None:
        self.app = app
        self.places = places
        self.is_exempt = below(exempt)
        self.streams = tuple(streams)
        self._held: dict[object, float] = {}  # since when, the oldest first
        self._warned_s = -WARN_EVERY_S
        self._refused = 0
        REQUESTS_AT_ONCE.set_function(lambda: len(self._held))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http" or self.is_exempt(scope["path"]):
            await self.app(scope, receive, send)
            return
        now_s = clock.monotonic_s()
        if not self._has_room(now_s):
            self._note_refusal(now_s)
            scope["state"]["is_one_of_many"] = True
            await render_error(scope, BusyError())(scope, receive, send)
            return
        place = object()
        self._held[place] = now_s

        # Without a body to come, whoever receives only waits for the client to leave.
        if scope["method"] not in _BODYLESS and "body" not in scope["state"]:
            receive = self._giving_back_on_receive(place, receive)
        if scope["path"].endswith(self.streams):
            send = self._giving_back_on_answer(place, send)
        try:
            await self.app(scope, receive, send)
        finally:
            self._held.pop(place, None)

    def _giving_back_on_receive(self, place: object, receive: Receive) -> Receive:
        async def receive_aside() -> Message:
            self._held.pop(place, None)
            return await receive()

        return receive_aside

    def _giving_back_on_answer(self, place: object, send: Send) -> Send:
        async def send_aside(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._held.pop(place, None)
            await send(message)

        return send_aside

    def _has_room(self, now_s: float) -> bool:
        while len(self._held) >= self.places:
            oldest = next(iter(self._held))
            if now_s - self._held[oldest] < HELD_MAX_S:
                return False
            del self._held[oldest]
        return True

    def _note_refusal(self, now_s: float) -> None:
        """A line for the first refusal and then one for all of the next ten seconds: a flood of requests is none of lines."""
        BUSY_REFUSALS.inc()
        self._refused += 1
        if now_s - self._warned_s >= WARN_EVERY_S:
            _log.warning("requests_refused", places=self.places, refused=self._refused)
            self._warned_s, self._refused = now_s, 0
