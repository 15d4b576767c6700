"""Calls of the delivery: each end of a generation is told to its user once."""

from typing import Any, Literal

from bot.api.client import ApiClient
from bot.api.wire import Cursor, Deliveries, Delivery, MaySend, Nothing

FEED_CURSOR = "telegram-status"


async def claim(api: ApiClient, *, limit: int, lease_s: int) -> list[Delivery]:
    """Take what has to be told; nobody else gets it while the lease lasts."""
    return (await api.post("/deliveries/claim", Deliveries, {"limit": limit, "lease_seconds": lease_s})).items


async def start(api: ApiClient, delivery: Delivery) -> bool:
    """Ask right before something is sent that its user would see twice; False ends the delivery."""
    return (await api.post(f"/deliveries/{delivery.generation.id}/start", MaySend, {"epoch": delivery.epoch})).may_send


async def finish(api: ApiClient, delivery: Delivery, state: Literal["delivered", "blocked", "postponed"], **more: Any) -> None:
    """End it, or put it off for `retry_after_s` when surely nothing was sent."""
    await api.post(f"/deliveries/{delivery.generation.id}/finish", Nothing, {"epoch": delivery.epoch, "state": state, **more})


async def cursor(api: ApiClient) -> int | None:
    """How far the feed has been read by bots before."""
    return (await api.get(f"/feed-cursors/{FEED_CURSOR}", Cursor)).last_event_id


async def move_cursor(api: ApiClient, last_event_id: int) -> None:
    """Everything up to this event has been shown."""
    await api.put(f"/feed-cursors/{FEED_CURSOR}", Nothing, {"last_event_id": last_event_id})
