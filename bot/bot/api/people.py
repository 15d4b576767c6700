"""Calls about one person: who they are, what they prefer, what they have."""

from typing import Any

from bot.api.client import ApiClient
from bot.api.wire import Balance, Preferences, Statement, Trial, User


async def sync(api: ApiClient, person: dict[str, Any]) -> User:
    """Create them, or take over what Telegram says now."""
    return await api.post("/users/sync", User, person)


async def preferences(api: ApiClient, telegram_id: int) -> Preferences:
    """What they have chosen."""
    return await api.get(f"/users/{telegram_id}/preferences", Preferences)


async def prefer(api: ApiClient, telegram_id: int, chosen: Preferences) -> Preferences:
    """Keep what they have chosen, as a whole."""
    return await api.put(f"/users/{telegram_id}/preferences", Preferences, chosen.model_dump())


async def balance(api: ApiClient, telegram_id: int) -> Balance:
    """Their credits."""
    return await api.get(f"/users/{telegram_id}/balance", Balance)


async def trial(api: ApiClient, telegram_id: int) -> Trial:
    """Their free generations."""
    return await api.get(f"/users/{telegram_id}/trial", Trial)


async def statement(api: ApiClient, telegram_id: int, *, limit: int) -> Statement:
    """The newest movements of their wallet."""
    return await api.get(f"/users/{telegram_id}/ledger", Statement, limit=limit)
