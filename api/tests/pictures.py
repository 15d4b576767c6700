"""Pictures for tests: real ones, drawn by Pillow, and headers that lie, put together by hand."""

import io
import random
import struct
import zlib
from typing import Any

from PIL import Image

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


def a_picture(
    kind: str = "PNG", width: int = 64, height: int = 48, *, mode: str = "RGB", noise: bool = False, **options: Any
) -> bytes:
    """A real picture; `noise` makes it as large as its pixels."""
    if noise:
        pixels = random.Random(width * height).randbytes(width * height * 3)  # noqa: S311 - the same picture every time
        image = Image.frombytes("RGB", (width, height), pixels)
    else:
        image = Image.new(mode, (width, height))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int, *, depth: int = 8, colour: int = 2, length: int = 13, crc: int | None = None) -> bytes:
    """The first 33 bytes of a PNG."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body) if crc is None else crc)


def png_bomb(width: int, height: int, size: int = 100_000) -> bytes:
    """A PNG of `size` bytes that declares so many pixels: zeros, as small as deflate makes them."""
    data = zlib.compress(bytes(10_000_000), 9)
    data += bytes(max(0, size - len(data) - 57))
    chunk = b"IDAT" + data
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return png_header(width, height) + struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + end


def jpeg_header(width: int, height: int, *, frame: int = 0xC0, before: bytes = b"") -> bytes:
    """A JPEG up to its frame header."""
    components = bytes([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
    return b"\xff\xd8" + before + struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3) + components


def webp_header(chunk: bytes, payload: bytes, *, riff_size: int | None = None) -> bytes:
    """A WebP with one chunk."""
    inner = b"WEBP" + chunk + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(inner) if riff_size is None else riff_size) + inner


def webp_canvas(width: int, height: int) -> bytes:
    """An extended WebP that declares this canvas."""
    return webp_header(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))
