"""A Redis that is worse than gone: it takes what it is sent and says nothing, or is cut off while it is being asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
import uvloop

from app.db.rate_limit import RateLimiter
from app.db.redis import CALL_TIMEOUT_S, RedisGate
from tests.proxy import Link


@asynccontextmanager
async def a_gate(redis_url: str) -> AsyncIterator[tuple[RedisGate, Link]]:
    """A gate that answered before, and the wire that leads to its Redis."""
    async with Link("gate>valkey", Path(unquote(redis_url.removeprefix("unix://")))).open() as link:
        gate = RedisGate(f"redis://127.0.0.1:{link.port}")
        try:
            assert await gate.ping()
            yield gate, link
        finally:
            await gate.close()


async def seconds_for_orders(gate: RedisGate, count: int) -> float:
    """How long it takes to pass the gate so many times, one after the other."""
    began_s = time.monotonic()
    for number in range(count):
        async with gate.lock(f"order:{number}", ttl_s=1, wait_s=2):
            pass
    return time.monotonic() - began_s


class TestSilentRedis:
    async def test_costs_one_timeout_and_not_one_for_each_order(self, redis_url: str) -> None:
        async with a_gate(redis_url) as (gate, link), asyncio.TaskGroup() as group:
            silence = group.create_task(link.black_hole(for_s=1.5))
            await asyncio.sleep(0)
            assert await seconds_for_orders(gate, 20) < 2 * CALL_TIMEOUT_S
            assert gate.is_down
            assert await silence

    async def test_is_asked_again_soon_after(self, redis_url: str) -> None:
        async with a_gate(redis_url) as (gate, link):
            async with asyncio.TaskGroup() as group:
                group.create_task(link.black_hole(for_s=0.8))
                await seconds_for_orders(gate, 1)
            async with asyncio.timeout(3):
                while not await gate.ping():
                    await asyncio.sleep(0.05)
            assert not gate.is_down


async def ask_a_wire_to_nowhere() -> None:
    """It takes the connection and resets it, now and then before the client has said its first word."""
    async with Link("gate>nothing", Path("no-such-socket")).open() as link:
        for _ in range(300):
            gate = RedisGate(f"redis://127.0.0.1:{link.port}")
            assert not await gate.ping()
            await gate.close()


class TestCutRedis:
    @pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
    def test_is_gone_and_no_error(self, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(ask_a_wire_to_nowhere())


async def count_over_a_wire_to_nowhere() -> None:
    async with Link("limits>nothing", Path("no-such-socket")).open() as link:
        for number in range(300):
            limiter = RateLimiter(f"redis://127.0.0.1:{link.port}", rate_per_s=1, burst=1)
            assert not (await limiter.count(str(number))).is_limited
            await limiter.close()


class TestCutLimits:
    def test_are_counted_here_and_no_error(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(count_over_a_wire_to_nowhere())
