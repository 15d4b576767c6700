"""Texts with their entities: parse modes, the `entities` parameter, trimming, limits, and what Telegram finds by itself."""

import re
from typing import Any

from telegram_simulator.errors import TelegramError, bad_request
from telegram_simulator.html_text import HtmlReader, utf16_length
from telegram_simulator.params import Params

TEXT_MAX = 4096
CAPTION_MAX = 1024
_GIVEN = frozenset(
    [
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "date_time",
    ]
)
_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]*[^\s<>\".,;:!?)\]])"
    r"|(?P<email>\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w/])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)(?![\w/])"
    r"|(?<![\w@])(?P<mention>@[A-Za-z0-9_]{3,32})\b"
    r"|(?<![\w#])(?P<hashtag>#(?=\w*[^\W\d_])\w{1,256})"
)
_OPAQUE = {"code", "pre", "text_link", "text_mention", "url"}

Entities = list[dict[str, Any]]


def read_text(params: Params) -> tuple[str, Entities]:
    """Return the `text` of a message with its entities; raises TelegramError where Telegram refuses it."""
    if not params.text("text"):
        raise bad_request("message text is empty")
    text, entities = _formatted(params, "text", "entities")
    if not text:
        raise bad_request("text must be non-empty")
    if len(text) > TEXT_MAX:
        raise bad_request("message is too long")
    return text, entities


def read_caption(params: Params) -> tuple[str, Entities]:
    """Return the `caption` of a message with its entities, both empty when there is none."""
    text, entities = _formatted(params, "caption", "caption_entities")
    if len(text) > CAPTION_MAX:
        raise bad_request("message caption is too long")
    return text, entities


def _formatted(params: Params, name: str, entities_name: str) -> tuple[str, Entities]:
    text, mode = params.text(name).replace("\r", ""), params.text("parse_mode").lower()
    entities: Entities
    if mode == "html":
        text, entities = HtmlReader(text).read()
    elif mode in {"", "none"}:
        entities = _given(params.tree(entities_name, "entities"), text)
    elif mode in {"markdown", "markdownv2"}:
        raise bad_request("unsupported parse_mode (this simulator of Telegram reads HTML and entities)")
    else:
        raise bad_request("unsupported parse_mode")
    text, entities = _trimmed(text, entities)
    return text, with_found(text, entities)


def _given(entities: object, text: str) -> Entities:
    if entities is None:
        return []
    if not isinstance(entities, list):
        raise bad_request("can't parse entities: expected an Array of MessageEntity")
    length = utf16_length(text)
    return sorted((_one(entity, length) for entity in entities), key=lambda entity: (entity["offset"], -entity["length"]))


def _one(entity: object, text_length: int) -> dict[str, Any]:
    if not isinstance(entity, dict) or entity.get("type") not in _GIVEN:
        raise bad_request("can't parse entities: can't parse MessageEntity: Unsupported type specified")
    offset, length = entity.get("offset"), entity.get("length")
    if type(offset) is not int or offset < 0:
        raise bad_request(f"receive an entity with incorrect offset {offset}")
    if type(length) is not int or length <= 0:
        raise bad_request(f"receive an entity with incorrect length {length}")
    if offset + length > text_length:
        end = offset + length
        raise bad_request(f"entity beginning at UTF-16 offset {offset} ends after the end of the text at UTF-16 offset {end}")
    if entity["type"] == "text_link" and not entity.get("url"):
        raise _missing("url")
    if entity["type"] == "custom_emoji" and not entity.get("custom_emoji_id"):
        raise _missing("custom_emoji_id")
    return {name: value for name, value in entity.items() if value is not None}


def _missing(field: str) -> TelegramError:
    return bad_request(f"can't parse entities: can't parse MessageEntity: Can't find field \"{field}\"")


def _trimmed(text: str, entities: Entities) -> tuple[str, Entities]:
    """Cut blanks at both ends, as Telegram does, and move the entities along."""
    start = utf16_length(text) - utf16_length(text.lstrip())
    text = text.strip()
    end = utf16_length(text)
    moved = []
    for entity in entities:
        begin = min(max(entity["offset"] - start, 0), end)
        length = min(max(entity["offset"] + entity["length"] - start, 0), end) - begin
        if length > 0:
            moved.append(entity | {"offset": begin, "length": length})
    return text, moved


def with_found(text: str, entities: Entities) -> Entities:
    """Return the entities and the links, hashtags, mentions, addresses and commands that stand in the text by themselves."""
    opaque = [entity for entity in entities if entity["type"] in _OPAQUE]
    found = list(entities)
    for match in _FOUND.finditer(text):
        offset, length = utf16_length(text[: match.start()]), utf16_length(match.group())
        is_covered = any(one["offset"] < offset + length and offset < one["offset"] + one["length"] for one in opaque)
        if not is_covered and match.lastgroup is not None:
            found.append({"offset": offset, "length": length, "type": match.lastgroup})
    found.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return found
