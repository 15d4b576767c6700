"""Text with entities as HTML, the way a phone shows it."""

from html import escape
from itertools import pairwise
from typing import Any

Entities = list[dict[str, Any]]
_BLOCKS = {"blockquote", "expandable_blockquote", "pre"}
_TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "spoiler": 'span class="spoiler"',
    "text_link": 'span class="link"',
    "text_mention": 'span class="link"',
}
_LINKS = {"url", "hashtag", "cashtag", "mention", "bot_command", "email", "phone_number"}


def as_html(text: str, entities: Entities) -> str:
    """Return the text as HTML: quotes and blocks of code as blocks, everything else inline."""
    units = text.encode("utf-16-le")
    blocks = [entity for entity in entities if entity["type"] in _BLOCKS]
    inline = [entity for entity in entities if entity["type"] not in _BLOCKS]
    shown, at = [], 0
    for block in blocks:
        begin, end = block["offset"], block["offset"] + block["length"]
        if begin < at:
            continue
        shown.append(_inline(units, at, begin, inline, is_before_block=True))
        inside = _inline(units, begin, end, inline)
        shown.append(_block(block["type"], inside))
        at = end
        if _cut(units, at, at + 1) == "\n":
            at += 1
    shown.append(_inline(units, at, len(units) // 2, inline))
    return "".join(shown)


def _block(kind: str, inside: str) -> str:
    if kind == "pre":
        return f"<pre>{inside}</pre>"
    if kind == "expandable_blockquote":
        # A checkbox keeps the page free of scripts: a tap opens the quote, as on a phone.
        return f'<label class="quote folding"><input type="checkbox"><span>{inside}</span><em></em></label>'
    return f'<div class="quote"><span>{inside}</span></div>'


def _cut(units: bytes, begin: int, end: int) -> str:
    return units[2 * begin : 2 * end].decode("utf-16-le", "replace")


def _inline(units: bytes, begin: int, end: int, entities: Entities, *, is_before_block: bool = False) -> str:
    """Return one stretch, cut wherever an entity begins or ends, each piece in the tags of the entities over it."""
    here = [entity for entity in entities if entity["offset"] < end and begin < entity["offset"] + entity["length"]]
    edges = {begin, end}
    for entity in here:
        edges |= {max(begin, entity["offset"]), min(end, entity["offset"] + entity["length"])}
    places = sorted(edges)
    shown = []
    for start, stop in pairwise(places):
        piece = _cut(units, start, stop)
        if is_before_block and stop == end:
            piece = piece.removesuffix("\n")
        over = [entity for entity in here if entity["offset"] <= start and stop <= entity["offset"] + entity["length"]]
        shown.append(_wrapped(escape(piece).replace("\n", "<br>"), over))
    return "".join(shown)


def _wrapped(piece: str, over: Entities) -> str:
    for entity in reversed(over):
        tag = 'span class="link"' if entity["type"] in _LINKS else _TAGS.get(entity["type"])
        if tag is not None:
            piece = f"<{tag}>{piece}</{tag.partition(' ')[0]}>"
    return piece
