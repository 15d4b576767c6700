"""Methods that change or delete messages."""

from typing import Any

from telegram_simulator import clock
from telegram_simulator.chats import Chat, Message
from telegram_simulator.entities import CAPTION_MAX, TEXT_MAX, read_caption, read_text
from telegram_simulator.errors import NOT_MODIFIED, TelegramError, bad_request
from telegram_simulator.markup import read_inline
from telegram_simulator.methods_messages import input_media_body
from telegram_simulator.params import Params
from telegram_simulator.program import Telegram
from telegram_simulator.sending import text_body

DELETE_MANY_MAX = 100
DELETABLE_S = 48 * 3600
_TEXT = ("text", "entities", "link_preview_options")
_CAPTION = ("caption", "caption_entities")
_MEDIA = ("photo", "document")
_TOO_LONG = {"Bad Request: message is too long", "Bad Request: message caption is too long"}


def _to_edit(telegram: Telegram, params: Params) -> Message:
    """Return the bot's message that is to be changed; raises TelegramError for one that is not there or not the bot's."""
    chat = telegram.chats.writable(params.text("chat_id"))
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    message = telegram.chats.find(chat, message_id)
    if message is None:
        raise bad_request("message to edit not found")
    if message.from_id != telegram.bot.id or message.is_service:
        raise bad_request("message can't be edited")
    return message


def _change(telegram: Telegram, message: Message, body: dict[str, Any], markup: dict[str, Any] | None) -> object:
    if (body, markup) == (message.body, message.markup):
        raise bad_request(NOT_MODIFIED)
    message.body, message.markup = body, markup
    message.edits += 1
    message.edit_date = clock.unix_s()
    telegram.chats.changed(message)
    return telegram.chats.wire(message)


def _without(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def _is_too_long(error: TelegramError, text: str, length_max: int) -> bool:
    return error.description in _TOO_LONG and len(text) > length_max


async def edit_message_text(telegram: Telegram, params: Params) -> object:
    """`editMessageText`."""
    try:
        body = text_body(*read_text(params))
    except TelegramError as error:
        # The server says this itself when a message is edited, in its own way.
        raise bad_request("MESSAGE_TOO_LONG") if _is_too_long(error, params.text("text"), TEXT_MAX) else error from error
    markup, message = read_inline(params), _to_edit(telegram, params)
    if "text" not in message.body:
        raise bad_request("there is no text in the message to edit")
    preview = params.tree("link_preview_options", "link preview options")
    if preview:
        body["link_preview_options"] = preview
    return _change(telegram, message, _without(message.body, _TEXT) | body, markup)


async def edit_message_caption(telegram: Telegram, params: Params) -> object:
    """`editMessageCaption`; an empty caption takes it away."""
    try:
        caption = text_body(*read_caption(params), "caption")
    except TelegramError as error:
        raise (
            bad_request("MEDIA_CAPTION_TOO_LONG") if _is_too_long(error, params.text("caption"), CAPTION_MAX) else error
        ) from error
    markup, message = read_inline(params), _to_edit(telegram, params)
    if not any(name in message.body for name in _MEDIA):
        raise bad_request("there is no caption in the message to edit")
    return _change(telegram, message, _without(message.body, _CAPTION) | caption, markup)


async def edit_message_media(telegram: Telegram, params: Params) -> object:
    """`editMessageMedia`: puts another file, or a first one, into the message."""
    item = params.tree("media", "InputMedia")
    if not isinstance(item, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    markup = read_inline(params)
    _to_edit(telegram, params)
    media = await input_media_body(telegram, params, item)
    message = _to_edit(telegram, params)
    return _change(telegram, message, _without(message.body, (*_TEXT, *_CAPTION, *_MEDIA)) | media, markup)


async def edit_message_reply_markup(telegram: Telegram, params: Params) -> object:
    """`editMessageReplyMarkup`; without a keyboard the old one goes."""
    message = _to_edit(telegram, params)
    markup = read_inline(params, is_invoice=message.invoice is not None)
    return _change(telegram, message, message.body, markup)


async def delete_message(telegram: Telegram, params: Params) -> object:
    """`deleteMessage`."""
    chat = telegram.chats.writable(params.text("chat_id"))
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    message = telegram.chats.find(chat, message_id)
    if message is None:
        raise bad_request("message to delete not found")
    if message.date < clock.unix_s() - DELETABLE_S:
        raise bad_request("message can't be deleted for everyone")
    _delete(telegram, message)
    return True


async def delete_messages(telegram: Telegram, params: Params) -> object:
    """`deleteMessages`: those that are not there are skipped."""
    ids = params.tree("message_ids", "message_ids")
    if not isinstance(ids, list) or not all(isinstance(entry, int) for entry in ids):
        raise bad_request("message identifiers are not specified")
    if len(ids) > DELETE_MANY_MAX:
        raise bad_request("too many message identifiers specified")
    chat: Chat = telegram.chats.writable(params.text("chat_id"))
    for message_id in ids:
        message = telegram.chats.find(chat, message_id)
        if message is not None:
            _delete(telegram, message)
    return True


def _delete(telegram: Telegram, message: Message) -> None:
    message.is_deleted = True
    telegram.chats.changed(message)
