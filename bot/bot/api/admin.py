"""Calls of operators; each carries who acts."""

from typing import Any
from uuid import UUID

from bot.api.admin_wire import AdminUser, Broadcast, Broadcasts, Granted, Recipients, Totals
from bot.api.client import ApiClient
from bot.api.wire import Nothing


async def totals(api: ApiClient, day: str | None = None) -> Totals:
    """A day of the shop, today by default."""
    return await api.get("/admin/totals", Totals, day=day)


async def user(api: ApiClient, telegram_id: int) -> AdminUser:
    """Somebody by their id."""
    return await api.get(f"/admin/users/{telegram_id}", AdminUser)


async def user_named(api: ApiClient, username: str) -> AdminUser:
    """Somebody by their name in Telegram."""
    return await api.get("/admin/users", AdminUser, username=username)


async def grant(api: ApiClient, actor: int, telegram_id: int, amount: int, reason: str, *, key: str) -> Granted:
    """Give credits, or take some back."""
    body = {"telegram_id": telegram_id, "amount": amount, "reason": reason, "actor_telegram_id": actor}
    return await api.post("/admin/credits", Granted, body, key=key)


async def ban(api: ApiClient, actor: int, telegram_id: int, reason: str) -> AdminUser:
    """Refuse this person everywhere."""
    return await api.post(f"/admin/users/{telegram_id}/ban", AdminUser, {"reason": reason, "actor_telegram_id": actor})


async def unban(api: ApiClient, actor: int, telegram_id: int) -> AdminUser:
    """Let this person in again."""
    return await api.post(f"/admin/users/{telegram_id}/unban", AdminUser, {"actor_telegram_id": actor})


async def broadcast(api: ApiClient, actor: int, text: str, language: str | None, *, key: str) -> Broadcast:
    """Begin a message to all, or to all of a language."""
    body = {"text": text, "language_code": language, "actor_telegram_id": actor}
    return await api.post("/admin/broadcasts", Broadcast, body, key=key)


async def running_broadcasts(api: ApiClient) -> list[Broadcast]:
    """Those that have somebody left."""
    return (await api.get("/admin/broadcasts", Broadcasts, state="running")).items


async def get_broadcast(api: ApiClient, broadcast_id: UUID | str) -> Broadcast:
    """How far one is."""
    return await api.get(f"/admin/broadcasts/{broadcast_id}", Broadcast)


async def stop_broadcast(api: ApiClient, broadcast_id: UUID | str) -> Broadcast:
    """Send it to nobody more."""
    return await api.post(f"/admin/broadcasts/{broadcast_id}/stop", Broadcast, None)


async def claim_recipients(api: ApiClient, broadcast_id: UUID, *, limit: int) -> Recipients:
    """Who is next; they are marked before anything is sent."""
    return await api.post(f"/admin/broadcasts/{broadcast_id}/claim", Recipients, {"limit": limit})


async def report_recipients(api: ApiClient, broadcast_id: UUID, claim: int, items: list[dict[str, Any]]) -> None:
    """What became of them."""
    await api.post(f"/admin/broadcasts/{broadcast_id}/report", Nothing, {"claim": claim, "items": items})
