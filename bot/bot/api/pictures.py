"""Calls about pictures: what is on sale, uploads, orders and their results."""

from typing import Any

from bot.api.client import ApiClient
from bot.api.wire import CatalogueItem, Files, Generation, Generations, Submitted, Uploaded


async def models(api: ApiClient) -> list[CatalogueItem]:
    """The models on sale."""
    return await api.get("/models", list[CatalogueItem])


async def upload(api: ApiClient, telegram_id: int, picture: bytes, filename: str) -> str:
    """Store a picture to order with; its address."""
    return (await api.upload("/media/upload", Uploaded, picture, filename, telegram_id=telegram_id)).download_url


async def submit(api: ApiClient, order: dict[str, Any], *, key: str) -> Submitted:
    """Order a picture, once for this key."""
    return await api.post("/generations/submit", Submitted, order, key=key)


async def get(api: ApiClient, telegram_id: int, generation_id: int) -> Generation:
    """One of their generations."""
    return await api.get(f"/generations/{generation_id}", Generation, telegram_id=telegram_id)


async def history(api: ApiClient, telegram_id: int, *, limit: int) -> list[Generation]:
    """Their newest generations."""
    return (await api.get("/generations", Generations, telegram_id=telegram_id, limit=limit)).items


async def cancel(api: ApiClient, telegram_id: int, generation_id: int) -> Generation:
    """Take it back, if it was not sent yet."""
    return await api.post(f"/generations/{generation_id}/cancel", Generation, {"telegram_id": telegram_id})


async def files(api: ApiClient, telegram_id: int, generation_id: int) -> Files:
    """Its pictures as Telegram keeps them."""
    return await api.get(f"/generations/{generation_id}/files", Files, telegram_id=telegram_id)
