"""Methods that send messages and files."""

import secrets
from typing import Any

from telegram_simulator.entities import read_caption, read_text
from telegram_simulator.errors import bad_request
from telegram_simulator.files import file_wire
from telegram_simulator.markup import read_markup
from telegram_simulator.params import Params
from telegram_simulator.program import Telegram
from telegram_simulator.sending import media_body, send, text_body

ALBUM_MAX = 10
ALBUM_MIN = 2
_ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
        "record_audio",
        "upload_audio",
    ]
)


async def send_message(telegram: Telegram, params: Params) -> object:
    """`sendMessage`."""
    body = text_body(*read_text(params))
    preview = params.tree("link_preview_options", "link preview options")
    if preview:
        body["link_preview_options"] = preview
    markup = read_markup(params)
    return telegram.chats.wire(send(telegram, telegram.chats.writable(params.text("chat_id")), body, params, markup))


async def send_photo(telegram: Telegram, params: Params) -> object:
    """`sendPhoto`."""
    return await _send_media(telegram, params, "photo")


async def send_document(telegram: Telegram, params: Params) -> object:
    """`sendDocument`."""
    return await _send_media(telegram, params, "document")


async def _send_media(telegram: Telegram, params: Params, kind: str) -> object:
    caption, markup = text_body(*read_caption(params), "caption"), read_markup(params)
    telegram.chats.writable(params.text("chat_id"))
    body = await media_body(telegram, params, kind, params.text(kind)) | caption
    # Looked up again: fetching took its time, and the person may have blocked the bot meanwhile.
    return telegram.chats.wire(send(telegram, telegram.chats.writable(params.text("chat_id")), body, params, markup))


async def send_media_group(telegram: Telegram, params: Params) -> object:
    """`sendMediaGroup`: all of the album or nothing."""
    media = params.tree("media", "media")
    if not isinstance(media, list) or not media:
        raise bad_request("there are no messages to send")
    if not ALBUM_MIN <= len(media) <= ALBUM_MAX:
        raise bad_request(
            f"album must have {ALBUM_MIN}-{ALBUM_MAX} items" if len(media) < ALBUM_MIN else "too many messages to send as an album"
        )
    kinds = {str(item.get("type")) if isinstance(item, dict) else "" for item in media}
    if not kinds <= {"photo", "document"}:
        raise bad_request("can't parse InputMedia: type must be photo or document")
    if len(kinds) > 1:
        raise bad_request("document can't be mixed with other media types")
    telegram.chats.writable(params.text("chat_id"))
    bodies = [await input_media_body(telegram, params, item) for item in media]
    chat = telegram.chats.writable(params.text("chat_id"))
    group = {"media_group_id": str(secrets.randbits(53))}
    return [telegram.chats.wire(send(telegram, chat, group | body, params, None)) for body in bodies]


async def input_media_body(telegram: Telegram, params: Params, item: dict[str, Any]) -> dict[str, Any]:
    """Return the content of one InputMedia; `params` holds its uploads. Raises TelegramError."""
    if item.get("type") not in {"photo", "document"} or not isinstance(item.get("media"), str):
        raise bad_request("can't parse InputMedia: type must be photo or document, and media a file")
    caption = text_body(*read_caption(Params(item)), "caption")
    return await media_body(telegram, params, item["type"], item["media"]) | caption


async def send_chat_action(telegram: Telegram, params: Params) -> object:
    """`sendChatAction`."""
    telegram.chats.writable(params.text("chat_id"))
    if params.text("action").lower() not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    return True


async def get_file(telegram: Telegram, params: Params) -> object:
    """`getFile`; a photo's size is drawn now, so that its bytes are counted."""
    file = telegram.files.find(params.text("file_id"))
    if file is None:
        raise bad_request("invalid file_id" if params.text("file_id") else "file_id not specified")
    shown = file_wire(file)
    if await telegram.files.content(file) is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    return shown | {"file_size": file.size}
