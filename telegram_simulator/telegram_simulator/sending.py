"""What every method that sends has in common: the chat, the message replied to, the keyboard, and files from anywhere."""

from typing import Any

import aiohttp

from telegram_simulator.chats import Chat, Message
from telegram_simulator.entities import Entities
from telegram_simulator.errors import NO_URL_CONTENT, WRONG_URL_CONTENT, bad_request
from telegram_simulator.files import StoredFile, document_wire, photo_wire, wrong_id
from telegram_simulator.params import ATTACH, Params, Upload
from telegram_simulator.program import Telegram

FETCH_TIMEOUT_S = 20
PHOTO_URL_BYTES_MAX = 5 * 1024 * 1024
URL_BYTES_MAX = 20 * 1024 * 1024
# "In sendDocument, sending by URL will currently only work for GIF, PDF and ZIP files."
DOCUMENTS_BY_URL = frozenset({"image/gif", "application/pdf", "application/zip", "application/x-zip-compressed"})
_MISSING = {"photo": "there is no photo in the request", "document": "there is no document in the request"}


def send(
    telegram: Telegram, chat: Chat, body: dict[str, Any], params: Params, markup: dict[str, Any] | None, **more: Any
) -> Message:
    """Write the bot's message into the chat; raises TelegramError when the message to reply to is not there."""
    reply_to = reply_target(telegram, chat, params)
    inline = markup if markup is not None and "inline_keyboard" in markup else None
    if markup is not None and inline is None:
        chat.keyboard = None if markup.get("remove_keyboard") else markup
        telegram.chats.save(chat)
    return telegram.chats.add(chat, telegram.bot.id, body, reply_to=reply_to, markup=inline, **more)


def reply_target(telegram: Telegram, chat: Chat, params: Params) -> int | None:
    """Return the message to reply to, or None; raises TelegramError when it is not there and has to be."""
    reply = params.tree("reply_parameters", "reply parameters") or {}
    if not isinstance(reply, dict):
        raise bad_request("can't parse reply parameters JSON object")
    message_id = Params(reply).integer("message_id") or params.integer("reply_to_message_id")
    if not message_id:
        return None
    if telegram.chats.find(chat, message_id) is not None:
        return message_id
    if reply.get("allow_sending_without_reply") or params.boolean("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def text_body(text: str, entities: Entities, name: str = "text") -> dict[str, Any]:
    """Return a text or a caption as messages carry it."""
    if not text:
        return {}
    return {name: text} | ({"entities" if name == "text" else "caption_entities": entities} if entities else {})


async def media_body(telegram: Telegram, params: Params, kind: str, given: str) -> dict[str, Any]:
    """Return `photo` or `document` of a message from what the bot gave: an upload, a URL or a file id.

    Raises TelegramError for what is none of these, and for what Telegram does not take as this kind.
    """
    upload = params.upload(given) or params.upload(kind) if given.startswith(ATTACH) or not given else None
    if upload is not None:
        return _stored(telegram, kind, upload)
    if not given or given.startswith(ATTACH):
        raise bad_request(_MISSING[kind])
    if given.startswith(("http://", "https://")):
        return _stored(telegram, kind, await _fetched(telegram, given, kind))
    file = telegram.files.find(given)
    if file is None:
        raise wrong_id(given)
    if file.is_photo != (kind == "photo"):
        names = ("Photo", "Document") if file.is_photo else ("Document", "Photo")
        raise bad_request(f"can't use file of type {names[0]} as {names[1]}")
    return {kind: _wire(telegram, file)}


def _stored(telegram: Telegram, kind: str, upload: Upload) -> dict[str, Any]:
    if not upload.content:
        raise bad_request("file must be non-empty")
    if kind == "photo":
        return {"photo": photo_wire(telegram.files.add_photo(upload.content))}
    return {"document": document_wire(telegram.files.add_document(upload.name, upload.content, upload.content_type))}


def _wire(telegram: Telegram, file: StoredFile) -> object:
    return photo_wire(telegram.files.sizes(file)) if file.is_photo else document_wire(file)


async def _fetched(telegram: Telegram, url: str, kind: str) -> Upload:
    """Fetch the URL as Telegram's servers would."""
    bytes_max = PHOTO_URL_BYTES_MAX if kind == "photo" else URL_BYTES_MAX
    try:
        async with telegram.session.get(url, timeout=aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)) as answer:
            if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
                raise bad_request(NO_URL_CONTENT)
            if not (answer.content_type.startswith("image/") if kind == "photo" else answer.content_type in DOCUMENTS_BY_URL):
                raise bad_request(WRONG_URL_CONTENT)
            content = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > bytes_max:
                    raise bad_request(NO_URL_CONTENT)
            return Upload(answer.url.name or "file", bytes(content), answer.content_type)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise bad_request(NO_URL_CONTENT) from error
