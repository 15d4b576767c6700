"""Telegram's HTML: the tags it knows, its entities and its complaints, which name the byte they stumbled over."""

import re
from dataclasses import dataclass
from typing import Any

from telegram_simulator.errors import TelegramError, bad_request

_TYPES = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("tg-spoiler", "span"), "spoiler"),
    "a": "text_link",
    "pre": "pre",
    "code": "code",
    "tg-emoji": "custom_emoji",
    "blockquote": "blockquote",
}
# Which attribute of a tag says something, and the prefix its value must have.
_ARGUMENTS = {"a": ("href", ""), "code": ("class", "language-"), "span": ("class", "tg-"), "tg-emoji": ("emoji-id", "")}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_CHARACTER = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot));?")
_TAG_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE_NAME = re.compile(r"[^\s=>/\"']*")
_NAME_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_SPACES = re.compile(r"\s*")
_BMP_LAST = 0xFFFF
_UNICODE_LAST = 0x10FFFF


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units, in which Telegram counts offsets."""
    return len(text) + sum(1 for character in text if ord(character) > _BMP_LAST)


@dataclass(slots=True)
class _Open:
    tag: str
    argument: str
    offset: int
    start: int


class HtmlReader:
    """Reads one text. `read` returns the plain text and its entities, or raises the TelegramError that Telegram would give."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._plain: list[str] = []
        self._offset = 0
        self._open: list[_Open] = []
        self._entities: list[dict[str, Any]] = []

    def read(self) -> tuple[str, list[dict[str, Any]]]:
        """Return the plain text and the entities in the order of their beginnings, outer ones first."""
        while self._at < len(self._source):
            character = self._source[self._at]
            if character == "<" and self._source[self._at + 1 : self._at + 2] == "/":
                self._read_end()
            elif character == "<":
                self._read_start()
            else:
                self._read_character(character)
        if self._open:
            raise _broken(f'Can\'t find end tag corresponding to start tag "{self._open[-1].tag}"')
        self._entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return "".join(self._plain), self._entities

    def _read_character(self, character: str) -> None:
        decoded, self._at = _decoded(self._source, self._at) if character == "&" else (character, self._at + 1)
        self._plain.append(decoded)
        self._offset += 2 if ord(decoded) > _BMP_LAST else 1

    def _byte(self, at: int) -> int:
        return len(self._source[:at].encode())

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._source, self._at)
        text = found.group() if found else ""
        self._at += len(text)
        return text

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _need_more(self, begin: int) -> None:
        if self._at >= len(self._source):
            raise _broken(f"Unclosed start tag at byte offset {self._byte(begin)}")

    def _read_start(self) -> None:
        begin = self._at
        self._at += 1
        tag = self._take(_TAG_NAME).lower()
        self._need_more(begin)
        if tag not in _TYPES:
            raise _broken(f'Unsupported start tag "{tag}" at byte offset {self._byte(begin)}')
        argument = ""
        self._take(_SPACES)
        while self._peek() != ">":
            self._need_more(begin)
            argument = self._read_attribute(tag, begin) or argument
            self._take(_SPACES)
        self._at += 1
        if tag == "span" and argument != "spoiler":
            raise _broken(f'Tag "span" must have class "tg-spoiler" at byte offset {self._byte(begin)}')
        self._open.append(_Open(tag, argument, self._offset, len(self._plain)))

    def _read_attribute(self, tag: str, begin: int) -> str:
        """Read one attribute and return what it says about the tag, empty when nothing."""
        name = self._take(_ATTRIBUTE_NAME).lower()
        if not name:
            raise _broken(f'Empty attribute name in the tag "{tag}" at byte offset {self._byte(begin)}')
        self._take(_SPACES)
        if self._peek() != "=":
            return "expandable" if (tag, name) == ("blockquote", "expandable") else ""
        self._at += 1
        self._take(_SPACES)
        self._need_more(begin)
        value = self._read_value(begin)
        if (tag, name) == ("blockquote", "expandable"):
            return "expandable"
        wanted, prefix = _ARGUMENTS.get(tag, ("", ""))
        return value.removeprefix(prefix) if name == wanted and value.startswith(prefix) else ""

    def _read_value(self, begin: int) -> str:
        quote = self._peek()
        if quote not in {'"', "'"}:
            start = self._at
            token = self._take(_NAME_TOKEN).lower()
            if self._peek() not in {">", " ", "\n", "\t"}:
                raise _broken(f"Unexpected end of name token at byte offset {self._byte(start)}")
            return token
        end = self._source.find(quote, self._at + 1)
        if end < 0:
            raise _broken(f"Unclosed start tag at byte offset {self._byte(begin)}")
        value = _CHARACTER.sub(lambda found: _decoded(found.group(), 0)[0], self._source[self._at + 1 : end])
        self._at = end + 1
        return value

    def _read_end(self) -> None:
        begin = self._at
        if not self._open:
            raise _broken(f"Unexpected end tag at byte offset {self._byte(begin)}")
        self._at += 2
        name = self._take(_TAG_NAME).lower()
        self._take(_SPACES)
        if self._peek() != ">":
            raise _broken(f"Unclosed end tag at byte offset {self._byte(begin)}")
        self._at += 1
        opened = self._open.pop()
        if name and name != opened.tag:
            raise _broken(f'Unmatched end tag at byte offset {self._byte(begin)}, expected "</{opened.tag}>", found "</{name}>"')
        if self._offset > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        entity: dict[str, Any] = {"offset": opened.offset, "length": self._offset - opened.offset, "type": _TYPES[opened.tag]}
        if opened.tag == "a":
            url = opened.argument or "".join(self._plain[opened.start :])
            if not is_link(url):
                return
            entity["url"] = _whole_url(url)
        elif opened.tag == "tg-emoji":
            entity["custom_emoji_id"] = opened.argument
        elif opened.tag == "blockquote" and opened.argument:
            entity["type"] = "expandable_blockquote"
        elif opened.tag == "code" and opened.argument:
            entity["language"] = opened.argument
        elif opened.tag == "pre":
            self._take_language(entity)
        self._entities.append(entity)

    def _take_language(self, entity: dict[str, Any]) -> None:
        """`<pre><code class="language-x">` is one block of code with a language."""
        if self._entities and self._entities[-1]["type"] == "code" and "language" in self._entities[-1]:
            inner = self._entities[-1]
            if (inner["offset"], inner["length"]) == (entity["offset"], entity["length"]):
                entity["language"] = self._entities.pop()["language"]


def is_link(url: str) -> bool:
    """Say whether Telegram makes a link of it; a text that is none stays plain."""
    scheme, colon, rest = url.partition("://")
    if colon:
        return scheme.lower() in {"http", "https", "tg", "ton"} and bool(rest.strip("/"))
    return "." in url and " " not in url


def _whole_url(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _decoded(source: str, at: int) -> tuple[str, int]:
    """Return the character that begins with `&` here and where the next one is; an unknown name is an ordinary `&`."""
    found = _CHARACTER.match(source, at)
    if found is None:
        return "&", at + 1
    decimal, hexadecimal, name = found.groups()
    if name:
        return _NAMED[name], found.end()
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return (chr(code), found.end()) if 0 < code <= _UNICODE_LAST else ("&", at + 1)


def _broken(what: str) -> TelegramError:
    return bad_request(f"can't parse entities: {what}")
