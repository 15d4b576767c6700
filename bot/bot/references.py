"""Pictures that people send: albums put together, files fetched from Telegram and stored where orders can name them."""

import asyncio
import json
from dataclasses import dataclass

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import Message
from redis.exceptions import RedisError

from bot.api import pictures
from bot.api.errors import ApiRefusalError
from bot.drafts import Reference
from bot.logs import get_logger
from bot.shop import Shop
from bot.storage import Notes

# The parts of an album come within a moment, to any process of the bot.
ALBUM_REST_S = 0.7
ALBUM_TTL_S = 120
# What Telegram lets bots fetch.
FILE_MAX_BYTES = 20 * 1024 * 1024
AT_ONCE = 3
IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
_NOT_A_PICTURE = frozenset({"unsupported_media_type", "upload_too_large", "provider_error"})

_log = get_logger(__name__)


@dataclass(frozen=True)
class Sent:
    """Pictures that came together, and the words with them."""

    file_ids: list[str]
    caption: str | None
    message_id: int
    unfit: int


async def collect(message: Message, notes: Notes) -> Sent | None:
    """What was sent with this message; the last part of an album answers for all of it, the others get None."""
    part = {"file_id": file_id_of(message), "caption": message.caption, "message_id": message.message_id}
    album = message.media_group_id
    if album is None:
        return _together([json.dumps(part)])
    name = f"{message.chat.id}:{album}"
    try:
        mine = await notes.add_part(name, message.message_id, json.dumps(part), ttl_s=ALBUM_TTL_S)
        await asyncio.sleep(ALBUM_REST_S)
        last, parts = await notes.parts(name)
    except RedisError:
        _log.warning("album_not_collected")
        return _together([json.dumps(part)])
    return _together(parts) if mine == last else None


def file_id_of(message: Message) -> str | None:
    """The picture of a message, the largest there is; None for a file that is no picture, or too large to fetch."""
    if message.photo:
        return message.photo[-1].file_id
    document = message.document
    if document and document.mime_type in IMAGE_TYPES and (document.file_size or 0) <= FILE_MAX_BYTES:
        return document.file_id
    return None


def _together(parts: list[str]) -> Sent:
    read = [json.loads(part) for part in parts]
    captions = [part["caption"] for part in read if part["caption"]]
    file_ids = [part["file_id"] for part in read if part["file_id"]]
    return Sent(file_ids, "\n".join(captions) or None, read[0]["message_id"], len(read) - len(file_ids))


async def store(bot: Bot, shop: Shop, telegram_id: int, file_ids: list[str]) -> tuple[list[Reference], int]:
    """Store them for an order, in their order; how many of them were no pictures. Raises ApiError when it cannot be done now."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(file_id: str) -> Reference | None:
        async with slots:
            try:
                file = await bot.get_file(file_id)
                content = await bot.download_file(file.file_path or "")
                picture = content.read() if content else b""
                url = await pictures.upload(shop.api, telegram_id, picture, (file.file_path or "picture").rpartition("/")[2])
            except TelegramBadRequest:
                _log.info("picture_not_fetched")
                return None
            except ApiRefusalError as error:
                if error.code not in _NOT_A_PICTURE:
                    raise
                return None
            return Reference(url=url, file_id=file_id)

    stored = await asyncio.gather(*(one(file_id) for file_id in file_ids))
    references = [reference for reference in stored if reference is not None]
    return references, len(file_ids) - len(references)
