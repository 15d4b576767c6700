"""What is taken for a picture, how large it may be, and what it is called. Pure: reads nothing but the file it is given.

Type and dimensions are read from the first bytes by hand and nothing is ever decoded. An imaging library would do more than look:
Pillow 13 reads a whole WebP into memory and lets its decoder allocate two canvases of the declared size just to open it.

Facts: PNG 1.2 (signature, IHDR first, CRC over type and data); JPEG T.81 annex B (markers, SOFn carries height and width); WebP
container, RFC 9649 (RIFF size, VP8, VP8L and VP8X headers).
"""

import re
import struct
import unicodedata
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

FILE_BYTES_MAX = 20 * 1024 * 1024
MEGAPIXELS_MAX = 40
PIXELS_MAX = MEGAPIXELS_MAX * 1_000_000
NAME_CHARS_MAX = 100
HEAD_BYTES = 33
JPEG_SEGMENTS_MAX = 2000

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_JPEG_PREFIX = 0xFF
_JPEG_LENGTH_BYTES = 2  # a segment's length counts itself
_JPEG_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what every decoder reads
_JPEG_TABLES = {0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
_FORBIDDEN_IN_NAMES = re.compile(r'[<>:"/\\|?*%]')


class Kind(StrEnum):
    """A kind of picture that is taken; the value is its media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"


_ENDINGS = {Kind.JPEG: (".jpg", ".jpeg"), Kind.PNG: (".png",), Kind.WEBP: (".webp",)}


@dataclass(frozen=True)
class Picture:
    """What a file's header declares."""

    kind: Kind
    width: int
    height: int

    @property
    def has_too_many_pixels(self) -> bool:
        """Whether decoding it would cost more than we ask of anybody."""
        return self.width * self.height > PIXELS_MAX


def sniff(head: bytes) -> Kind | None:
    """The kind of picture that begins with these bytes; 12 of them are enough."""
    if head.startswith(_PNG_SIGNATURE):
        return Kind.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.WEBP
    return None


def measure(file: IO[bytes], size: int) -> Picture | None:
    """The picture in this file of `size` bytes, by its header alone; None when its header is not one of a picture we take."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    kind = sniff(head)
    try:
        if kind is Kind.PNG:
            sides = _png_sides(head)
        elif kind is Kind.JPEG:
            sides = _jpeg_sides(file)
        elif kind is Kind.WEBP:
            sides = _webp_sides(head, size)
        else:
            sides = None
    except struct.error:  # it ends inside its header
        return None
    if kind is None or sides is None or min(sides) < 1:
        return None
    return Picture(kind, *sides)


def clean_name(name: str, kind: Kind) -> str:
    """A name without path, control and formatting characters, at most 100 characters long, with the ending of the real type."""
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(" " if char.isspace() else char for char in last if char.isprintable() or unicodedata.category(char) == "Zs")
    plain = _FORBIDDEN_IN_NAMES.sub("", unicodedata.normalize("NFC", visible)).strip(" .")
    stem, dot, ending = plain.rpartition(".")
    suffix = f".{ending.lower()}"
    if not dot:
        stem = plain
    elif suffix not in _ENDINGS[kind] and not re.fullmatch(r"\.[a-z0-9]{1,5}", suffix):
        stem = plain  # not an ending, but a name with a dot in it
    if suffix not in _ENDINGS[kind]:
        suffix = _ENDINGS[kind][0]
    return ((stem[: NAME_CHARS_MAX - len(suffix)].strip(" .")) or "picture") + suffix


def _png_sides(head: bytes) -> tuple[int, int] | None:
    length, name, width, height, depth, colour, compression, filtering, interlace, crc = struct.unpack(">I4sIIBBBBBI", head[8:33])
    if (length, name) != (13, b"IHDR") or crc != zlib.crc32(head[12:29]):
        return None
    if depth not in _PNG_DEPTHS.get(colour, set()) or (compression, filtering) != (0, 0) or interlace > 1:
        return None
    return width, height


def _jpeg_sides(file: IO[bytes]) -> tuple[int, int] | None:
    position = 2
    for _ in range(JPEG_SEGMENTS_MAX):
        file.seek(position)
        segment = file.read(10)
        prefix, marker, length = struct.unpack(">BBH", segment[:4])
        if prefix == marker == _JPEG_PREFIX:  # a fill byte
            position += 1
        elif prefix == _JPEG_PREFIX and marker in _JPEG_FRAMES:
            precision, height, width, components = struct.unpack(">BHHB", segment[4:10])
            is_sound = precision in {8, 12} and components in {1, 3, 4} and length == 8 + 3 * components
            return (width, height) if is_sound else None
        elif prefix == _JPEG_PREFIX and marker in _JPEG_TABLES and length >= _JPEG_LENGTH_BYTES:
            position += 2 + length
        else:
            return None
    return None


def _webp_sides(head: bytes, size: int) -> tuple[int, int] | None:
    riff_size, chunk = struct.unpack("<I4x4s", head[4:16])
    if riff_size + 8 > size:  # cut off
        return None
    read = {b"VP8 ": _lossy_sides, b"VP8L": _lossless_sides, b"VP8X": _extended_sides}.get(chunk)
    return read(head) if read else None


def _lossy_sides(head: bytes) -> tuple[int, int] | None:
    tag, start, width, height = struct.unpack("<B2x3sHH", head[20:30])
    is_key_frame = not tag & 1 and start == b"\x9d\x01\x2a"
    return (width & 0x3FFF, height & 0x3FFF) if is_key_frame else None


def _lossless_sides(head: bytes) -> tuple[int, int] | None:
    signature, bits = struct.unpack("<cI", head[20:25])
    is_version_0 = signature == b"\x2f" and bits >> 29 == 0
    return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) if is_version_0 else None


def _extended_sides(head: bytes) -> tuple[int, int] | None:
    width, width_high, height, height_high = struct.unpack("<HBHB", head[24:30])
    return (width | width_high << 16) + 1, (height | height_high << 16) + 1
