"""Whether a new order can be filled at all, asked before anything is held: key, line, balance, breaker.

An order that would be refused by the provider, or wait in line until its deadline, is an order that costs its customer a quarter of
an hour and ends with nothing. It is refused politely instead, and nearly for free: what is asked here was read within the last half
second by somebody else.
"""

import math
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import ProviderNotConfiguredError, ProviderUnavailableError
from app.domain.generations import queries, rules
from app.domain.generations.errors import OverloadedError
from app.domain.supply import service as supply
from app.provider.health import Standing, Trouble
from app.resources import Resources

LINE_FRESH_S = 0.5
PACE_FRESH_S = 30.0
EMPTY_RETRY_AFTER_S = 60
RETRY_AFTER_MAX_S = 60.0

_WHY = {
    Trouble.UNREACHABLE: "The image provider cannot be reached at the moment",
    Trouble.FAILING: "The image provider fails at the moment",
    Trouble.FORBIDDEN: "The image provider does not take this installation's orders",
    Trouble.KEY_REFUSED: "The image provider refuses this installation's key; its operator has to renew it",
    Trouble.OUT_OF_CREDIT: "This installation's account at the image provider is empty; its operator has to top it up",
}


async def check(session: AsyncSession, resources: Resources) -> None:
    """Let one new order through. Raises ProviderNotConfiguredError, OverloadedError, ProviderUnavailableError."""
    if not resources.settings.is_provider_configured:
        raise ProviderNotConfiguredError
    standing = await supply.recall(resources, session)
    if _is_nearly_empty(standing, resources):
        raise ProviderUnavailableError(
            "This installation's account at the image provider is nearly empty, and its operator has to top it up; "
            "no credit was touched.",
            retry_after_s=EMPTY_RETRY_AFTER_S,
        )
    if await _is_line_full(session, resources):
        raise OverloadedError
    # Last, because an open breaker counts whom it lets through.
    wait_s = await supply.admit_order(session, standing)
    if wait_s is not None:
        why = _WHY[standing.breaker.reason or Trouble.FAILING]
        retry_after_s = math.ceil(min(max(wait_s, 1.0), RETRY_AFTER_MAX_S))
        raise ProviderUnavailableError(f"{why}; no credit was touched.", retry_after_s=retry_after_s)


async def is_clear(session: AsyncSession, resources: Resources) -> bool:
    """Whether `check` would let an order through without counting it: everything is as it should be."""
    if not resources.settings.is_provider_configured:
        return False
    standing = await supply.recall(resources, session)
    if standing.breaker.is_open or _is_nearly_empty(standing, resources):
        return False
    return not await _is_line_full(session, resources)


def _is_nearly_empty(standing: Standing, resources: Resources) -> bool:
    balance = standing.known_balance_usd
    return balance is not None and balance < resources.settings.wavespeed_balance_min_usd


async def _is_line_full(session: AsyncSession, resources: Resources) -> bool:
    settings, memory = resources.settings, resources.memory
    if settings.generation_queue_max == 0:
        return False
    pace = partial(queries.find_task_seconds, session)
    line_max = rules.line_max(
        queue_max=settings.generation_queue_max,
        slots=settings.wavespeed_max_concurrency,
        deadline_s=settings.generation_deadline_seconds,
        task_s=await memory.recall("seconds per task", pace, fresh_s=PACE_FRESH_S),
    )
    waiting = await memory.recall("line", partial(queries.count_queued, session, line_max), fresh_s=LINE_FRESH_S)
    return waiting >= line_max
