"""Drawing: a gradient grown from the prompt, the prompt itself, and the references as thumbnails. Pure, no state."""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from simulator import fonts

PALETTE_SIDE = 48
TEXT_SCALES = (13, 18, 24, 32, 44, 60)
JPEG_QUALITY = 88
DRAWN_CHARS_MAX = 3000


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference image: its bytes, or a label to draw where only its address is known."""

    label: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """What to draw; the same order gives the same bytes."""

    width: int
    height: int
    file_format: str
    prompt: str
    caption: str
    references: list[Reference] = field(default_factory=list)


def draw(order: PictureOrder) -> bytes:
    """Return the encoded picture: exactly the ordered size and format."""
    picture = _background(order)
    canvas = ImageDraw.Draw(picture, "RGBA")
    below = _place_references(picture, canvas, order)
    _write_prompt(canvas, order, below)
    encoded = io.BytesIO()
    if order.file_format == "jpeg":
        picture.save(encoded, "JPEG", quality=JPEG_QUALITY)
    else:
        picture.save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def _background(order: PictureOrder) -> Image.Image:
    """Draw a small colourful field and stretch it: soft at any size and cheap at 4096 x 4096."""
    seed = hashlib.sha256(f"{order.prompt}\n{order.caption}".encode()).digest()
    hue = seed[0] * 360 // 256
    field_ = Image.new("RGB", (PALETTE_SIDE, PALETTE_SIDE), _colour(hue, 45, 32))
    canvas = ImageDraw.Draw(field_)
    for at in range(1, 25, 4):
        x, y = seed[at] * PALETTE_SIDE // 256, seed[at + 1] * PALETTE_SIDE // 256
        radius = 8 + seed[at + 2] % 14
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), _colour(hue + seed[at + 3] % 110, 60, 45))
    soft = field_.filter(ImageFilter.GaussianBlur(7))
    return soft.resize((order.width, order.height), Image.Resampling.BICUBIC)


def _colour(hue: int, saturation: int, lightness: int) -> str:
    return f"hsl({hue % 360}, {saturation}%, {lightness}%)"


def _place_references(picture: Image.Image, canvas: ImageDraw.ImageDraw, order: PictureOrder) -> int:
    """Lay the thumbnails out in rows from the top; return the first free line below them."""
    margin = max(8, min(order.width, order.height) // 32)
    if not order.references:
        return margin
    in_row = min(len(order.references), 5 if order.width >= order.height else 3)
    rows = -(-len(order.references) // in_row)
    across = (order.width - margin * (in_row + 1)) // in_row
    side = max(16, min(across, (order.height * 11 // 20 - margin * rows) // rows))
    for index, reference in enumerate(order.references):
        left = margin + index % in_row * (side + margin)
        top = margin + index // in_row * (side + margin)
        box = (left, top, left + side, top + side)
        thumbnail = _thumbnail(reference, side)
        if thumbnail is None:
            canvas.rectangle(box, (255, 255, 255, 60))
            _write_lines(canvas, _fit(reference.label, side - margin, side - margin), (left + margin // 2, top + margin // 2))
        else:
            picture.paste(thumbnail, (left, top))
        canvas.rectangle(box, outline=(255, 255, 255, 230), width=max(1, margin // 8))
    return margin + rows * (side + margin)


def _thumbnail(reference: Reference, side: int) -> Image.Image | None:
    if reference.content is None:
        return None
    try:
        with Image.open(io.BytesIO(reference.content)) as source:
            return ImageOps.fit(ImageOps.exif_transpose(source).convert("RGB"), (side, side))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


LaidOut = tuple[list[str], fonts.Font]


def _write_prompt(canvas: ImageDraw.ImageDraw, order: PictureOrder, top: int) -> None:
    margin = max(8, min(order.width, order.height) // 32)
    small = fonts.load(max(10, min(order.width, order.height) // 50))
    caption_height = _line_height(small) + margin
    width, height = order.width - 4 * margin, order.height - top - caption_height - 3 * margin
    laid_out = _fit(order.prompt, width, height)
    text_height = len(laid_out[0]) * _line_height(laid_out[1])
    box = (margin, top, order.width - margin, min(order.height - caption_height, top + text_height + 2 * margin))
    canvas.rounded_rectangle(box, radius=margin, fill=(0, 0, 0, 110))
    _write_lines(canvas, laid_out, (2 * margin, top + margin))
    canvas.text((margin, order.height - caption_height), fonts.legible(order.caption), (255, 255, 255, 200), small)


def _write_lines(canvas: ImageDraw.ImageDraw, laid_out: LaidOut, at: tuple[int, int]) -> None:
    lines, font = laid_out
    for index, line in enumerate(lines):
        canvas.text((at[0], at[1] + index * _line_height(font)), line, (255, 255, 255, 255), font)


def _line_height(font: fonts.Font) -> int:
    return round(font.size * 1.3)


def _fit(text: str, width: int, height: int) -> LaidOut:
    """Wrap the text at the largest size at which all of it fits; at the smallest, cut it with an ellipsis."""
    words = fonts.legible(text[:DRAWN_CHARS_MAX]).split()
    lines: list[str] = []
    font = fonts.load(10)
    for scale in TEXT_SCALES:
        font = fonts.load(max(10, width // scale))
        lines = list(_wrapped(words, font, width))
        if len(lines) * _line_height(font) <= height:
            return lines, font
    room = max(1, height // _line_height(font))
    return [*lines[: room - 1], f"{lines[room - 1][:-3]}..."], font


def _wrapped(words: Iterable[str], font: fonts.Font, width: int) -> Iterable[str]:
    line = ""
    for word in words:
        for piece in _pieces(word, font, width):
            longer = f"{line} {piece}" if line else piece
            if line and font.getlength(longer) > width:
                yield line
                line = piece
            else:
                line = longer
    if line:
        yield line


def _pieces(word: str, font: fonts.Font, width: int) -> Iterable[str]:
    """Cut a word wider than the line into pieces that fit."""
    fitting = max(1, int(len(word) * width * 0.9 / max(1.0, font.getlength(word))))
    if fitting >= len(word):
        return [word]
    return [word[at : at + fitting] for at in range(0, len(word), fitting)]
