"""Whether the provider is known to be down: a note in Redis that expires by itself, so that submits are refused before a hold.

A worker that cannot connect writes it; a worker that can clears nothing, because the note ends after a few seconds anyway and the
next submit is the probe. Without Redis nobody is warned, and the queue waits instead.
"""

from app.db.redis import RedisGate

FLAG = "provider_down"
TTL_S = 10


async def note_down(redis: RedisGate | None, reason: str) -> None:
    """Remember for a few seconds that the provider could not be reached."""
    if redis is not None:
        await redis.raise_flag(FLAG, reason, ttl_s=TTL_S)


async def down_for_s(redis: RedisGate | None) -> int | None:
    """For how many seconds the provider is still taken to be down; None when it is not."""
    flag = await redis.read_flag(FLAG) if redis is not None else None
    return flag[1] if flag else None
