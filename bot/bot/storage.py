"""What the bot keeps in Redis: where each conversation stands, and small notes.

All of it may be lost: that costs people a draft, and nobody money or a picture.
"""

from collections.abc import Mapping
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import StateType, StorageKey
from aiogram.fsm.storage.redis import RedisStorage
from redis.asyncio import Redis
from redis.exceptions import RedisError
from typing_extensions import override

from bot.logs import get_logger

CONVERSATION_TTL_S = 2 * 86_400
NOTE_TTL_S = 2 * 86_400

_log = get_logger(__name__)


class ForgetfulStorage(RedisStorage):
    """Conversations in Redis. While it is away everybody stands at the beginning: a payment is taken over all the same."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis, state_ttl=CONVERSATION_TTL_S, data_ttl=CONVERSATION_TTL_S)

    @override
    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        try:
            await super().set_state(key, state)
        except RedisError:
            _log.warning("conversation_not_kept")

    @override
    async def get_state(self, key: StorageKey) -> str | None:
        try:
            return await super().get_state(key)
        except RedisError:
            _log.warning("conversation_not_read")
            return None

    @override
    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        try:
            await super().set_data(key, data)
        except RedisError:
            _log.warning("conversation_not_kept")

    @override
    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        try:
            return await super().get_data(key)
        except RedisError:
            _log.warning("conversation_not_read")
            return {}


class Notes:
    """Small facts by name, for as long as somebody may ask for them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def keep(self, name: str, value: str) -> None:
        """Keep it for two days."""
        try:
            await self._redis.set(f"note:{name}", value, ex=NOTE_TTL_S)
        except RedisError:
            _log.warning("note_not_kept", note=name)

    async def find(self, name: str) -> str | None:
        """What was kept, if it is still there."""
        try:
            found = await self._redis.get(f"note:{name}")
        except RedisError:
            return None
        return found.decode() if isinstance(found, bytes) else found

    async def drop(self, name: str) -> None:
        """Forget it."""
        try:
            await self._redis.delete(f"note:{name}")
        except RedisError:
            _log.warning("note_not_dropped", note=name)

    async def count(self, name: str, *, window_s: int) -> int:
        """The how-manieth of its kind this is within a window that began with the first; 0 while Redis is away."""
        try:
            async with self._redis.pipeline(transaction=True) as together:
                together.incr(f"count:{name}")
                together.expire(f"count:{name}", window_s, nx=True)
                counted, _ = await together.execute()
        except RedisError:
            return 0
        return int(counted)

    async def add_part(self, name: str, place: int, value: str, *, ttl_s: int) -> int:
        """Put a part to its place in a collection; the how-manieth call this was."""
        async with self._redis.pipeline(transaction=True) as together:
            together.hset(f"parts:{name}", str(place), value)
            together.expire(f"parts:{name}", ttl_s)
            together.incr(f"parts:{name}:calls")
            together.expire(f"parts:{name}:calls", ttl_s)
            *_, calls, _ = await together.execute()
        return int(calls)

    async def parts(self, name: str) -> tuple[int, list[str]]:
        """How many calls there were, and the parts in order."""
        calls = await self._redis.get(f"parts:{name}:calls")
        # redis-py's types are those of both its clients at once.
        found: dict[bytes, bytes] = await self._redis.hgetall(f"parts:{name}")  # type: ignore[misc]
        in_order = sorted(((int(place), value) for place, value in found.items()), key=lambda part: part[0])
        return int(calls or 0), [value.decode() for _, value in in_order]

    async def lead(self, what: str, who: str, *, lease_ms: int) -> bool:
        """Whether this process is the one that does it for the next while. Without Redis everybody is: it must be harmless."""
        try:
            if await self._redis.set(f"lead:{what}", who, px=lease_ms, nx=True):
                return True
            holder = await self._redis.get(f"lead:{what}")
            if (holder.decode() if isinstance(holder, bytes) else holder) != who:
                return False
            await self._redis.pexpire(f"lead:{what}", lease_ms)
        except RedisError:
            return True
        return True

    async def resign(self, what: str, who: str) -> None:
        """Let another process lead at once."""
        if await self.lead(what, who, lease_ms=1000):
            try:
                await self._redis.delete(f"lead:{what}")
            except RedisError:
                _log.warning("lead_not_resigned", what=what)


def is_in(state: str | None, *states: State) -> bool:
    """Whether a conversation stands at one of these."""
    return any(state == each.state for each in states)
