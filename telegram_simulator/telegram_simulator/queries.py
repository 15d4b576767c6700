"""Queries the bot has to answer while somebody waits at a phone: taps, and payments before they are taken."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

from telegram_simulator import clock
from telegram_simulator.errors import QUERY_TOO_OLD, bad_request


@dataclass(slots=True)
class Query:
    """One question to the bot, open until it is answered or too old."""

    id: str
    expires_at: float
    answer: dict[str, Any] | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class Queries:
    """The open questions of one kind. They are not kept: after a restart every one of them is too old."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._open: dict[str, Query] = {}

    def open(self) -> Query:
        """Return a new question, and forget the ones nobody answered in time."""
        now = clock.now_s()
        while self._open and (oldest := next(iter(self._open.values()))).expires_at < now:
            del self._open[oldest.id]
        query = Query(str(secrets.randbits(62)), now + self._ttl_s)
        self._open[query.id] = query
        return query

    def answer(self, query_id: str, answer: dict[str, Any]) -> None:
        """Answer the question; raises TelegramError when it is too old, unknown, or answered already."""
        query = self._open.pop(query_id, None)
        if query is None or query.expires_at < clock.now_s():
            raise bad_request(QUERY_TOO_OLD)
        query.answer = answer
        query.answered.set()

    def let_go(self) -> None:
        """End every wait without an answer."""
        for query in self._open.values():
            query.answered.set()

    async def wait(self, query: Query, seconds: float) -> dict[str, Any] | None:
        """Return the bot's answer, or None when it does not come within the time."""
        try:
            async with asyncio.timeout(seconds):
                await query.answered.wait()
        except TimeoutError:
            return None
        return query.answer
