"""A chat as a phone shows it: one HTML page that needs nothing else, for looking and for screenshots."""

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from telegram_simulator import clock
from telegram_simulator.chats import Chat, Message
from telegram_simulator.page_text import as_html
from telegram_simulator.page_words import WORDS
from telegram_simulator.program import Telegram

SHOWN_MAX = 60
PHOTO_SIDE = 800
_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_KIB = 1024


class Page:
    """Draws one chat in one language of the phone: `uz`, `ru` or `en`."""

    def __init__(self, telegram: Telegram, chat: Chat, language: str, shown_max: int = SHOWN_MAX) -> None:
        self._telegram = telegram
        self._chat = chat
        self._shown_max = shown_max
        self._language = language if language in WORDS else "en"
        self._words = WORDS[self._language]

    async def html(self) -> str:
        """Return the page; deleted messages are gone, and of many the last ones are shown."""
        messages = [message for message in self._chat.messages.values() if not message.is_deleted][-self._shown_max :]
        shown = [await self._group(group) for group in _grouped(messages)]
        profile, name = self._telegram.profile, self._telegram.bot.first_name
        name = profile.get(f"name:{self._language}") or profile.get("name:") or name
        return (
            f'<!doctype html><html lang="{self._language}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=390"><title>{escape(name)}</title><style>{_STYLE}</style></head><body>'
            f'<header><span class="back">&lsaquo;</span><span class="face">{escape(name[:1])}</span>'
            f'<div><b>{escape(name)}</b><small>{self._words["bot"]}</small></div><span class="more">⋮</span></header>'
            f"<main>{''.join(shown)}</main>{self._footer()}</body></html>"
        )

    def _footer(self) -> str:
        if self._chat.is_blocked:
            return f'<footer><div class="line">{self._words["blocked"]}</div></footer>'
        write = f'{self._words["write"]}<span class="send">📎</span>'
        line = f'<div class="line"><span class="menu">{self._words["menu"]}</span>{write}</div>'
        rows = (self._chat.keyboard or {}).get("keyboard", [])
        board = "".join(f"<div>{''.join(f'<span>{escape(_label(key))}</span>' for key in row)}</div>" for row in rows)
        return f"<footer>{line}{f'<div class=board>{board}</div>' if board else ''}</footer>"

    async def _group(self, group: list[Message]) -> str:
        """Draw one message, or the photos of an album as one."""
        message = group[0]
        if message.is_service:
            return f'<div class="pill">{escape(self._service(message))}</div>'
        photos = [image for entry in group if (image := await self._photo(entry))]
        files = "".join(_file(entry.body["document"]) for entry in group if "document" in entry.body)
        words = self._said(group)
        meta = self._meta(message)
        parts = [self._reply(message)]
        if photos:
            parts.append(f'<div class="photos{" many" if len(photos) > 1 else ""}">{"".join(photos)}</div>')
        parts.append(files)
        if message.invoice is not None:
            parts.append(_invoice(message.body["invoice"]))
        if words or not photos:
            parts.append(f'<div class="words{"" if words else " bare"}">{words}<span class="meta">{meta}</span></div>')
        else:
            parts.append(f'<span class="onphoto">{meta}</span>')
        side = "bot" if message.from_id == self._telegram.bot.id else "user"
        wide = " wide" if photos or message.markup is not None or message.invoice is not None else ""
        return f'<div class="message {side}{wide}"><div class="bubble">{"".join(parts)}</div>{self._keys(message)}</div>'

    def _said(self, group: list[Message]) -> str:
        for message in group:
            body = message.body
            if "text" in body:
                return as_html(body["text"], body.get("entities", []))
            if "caption" in body:
                return as_html(body["caption"], body.get("caption_entities", []))
        return ""

    def _meta(self, message: Message) -> str:
        edited = f"{self._words['edited']} " if message.edits and message.from_id == self._telegram.bot.id else ""
        ticks = "" if message.from_id == self._telegram.bot.id else " ✓✓"
        return f"{edited}{clock.hour_and_minute(message.date)}{ticks}"

    def _reply(self, message: Message) -> str:
        origin = None if message.reply_to is None else self._telegram.chats.find(self._chat, message.reply_to)
        if origin is None:
            return ""
        who = self._telegram.chats.sender_wire(origin.from_id)["first_name"]
        what = origin.body.get("text") or origin.body.get("caption") or self._kind(origin)
        return f'<div class="reply"><b>{escape(who)}</b>{escape(what)}</div>'

    def _kind(self, message: Message) -> str:
        if "document" in message.body:
            name: str = message.body["document"]["file_name"]
            return name
        return self._words["photo" if "photo" in message.body else "invoice"]

    def _service(self, message: Message) -> str:
        paid, refunded = message.body.get("successful_payment"), message.body.get("refunded_payment")
        bot, money = self._telegram.bot.first_name, paid or refunded or {}
        invoices = [entry.invoice for entry in self._chat.messages.values() if entry.invoice is not None]
        titles = [invoice["title"] for invoice in invoices if invoice["payload"] == money.get("invoice_payload")]
        facts = {"amount": money.get("total_amount"), "bot": bot, "title": titles[0] if titles else self._words["invoice"]}
        return self._words["paid" if paid else "refunded"].format(**facts)

    def _keys(self, message: Message) -> str:
        rows = (message.markup or {}).get("inline_keyboard", [])
        if message.invoice is not None and "paid_by" in message.invoice:
            rows = [[{"text": self._words["receipt"]}]]
        shown = [f"<div>{''.join(_key(key) for key in row)}</div>" for row in rows]
        return f'<div class="keys">{"".join(shown)}</div>' if shown else ""

    async def _photo(self, message: Message) -> str:
        """The photo inside the page itself, in the largest size that a phone's screen needs."""
        sizes: list[dict[str, Any]] = message.body.get("photo", [])
        fitting = [size for size in sizes if max(size["width"], size["height"]) <= PHOTO_SIDE] or sizes
        file = self._telegram.files.find(fitting[-1]["file_id"]) if fitting else None
        content = None if file is None else await self._telegram.files.content(file)
        if content is None:
            return ""
        return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(content).decode()}">'


def _grouped(messages: list[Message]) -> Iterator[list[Message]]:
    """Yield messages one by one, those of an album together."""
    group: list[Message] = []
    for message in messages:
        album = message.body.get("media_group_id")
        if group and (album is None or album != group[0].body.get("media_group_id")):
            yield group
            group = []
        group.append(message)
    if group:
        yield group


def _file(document: dict[str, Any]) -> str:
    size = document.get("file_size", 0) / _KIB
    shown = f"{size:.1f} KB" if size < _KIB else f"{size / _KIB:.1f} MB"
    kind = document["file_name"].rpartition(".")[2].upper()
    return f'<div class="file"><i></i><div><b>{escape(document["file_name"])}</b><small>{shown} {escape(kind)}</small></div></div>'


def _invoice(invoice: dict[str, Any]) -> str:
    title, description = escape(invoice["title"]), escape(invoice["description"])
    price = f'<span class="price">⭐️ {invoice["total_amount"]}</span>'
    return f'<div class="invoice"><b>{title}</b><p>{description}</p>{price}</div>'


def _key(key: dict[str, Any]) -> str:
    is_out = "url" in key or "web_app" in key
    return f"<span{' class=out' if is_out else ''}>{escape(key['text'])}</span>"


def _label(key: object) -> str:
    return str(key["text"] if isinstance(key, dict) else key)
