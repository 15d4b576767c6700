"""What is taken for a picture, by its header alone; Pillow, which decodes, is the second opinion."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.domain.media import rules
from app.domain.media.rules import NAME_CHARS_MAX, Kind, Picture, clean_name, measure, sniff
from tests.pictures import a_picture, jpeg_header, png_bomb, png_header, webp_canvas, webp_header

JPEG_APPS = b"".join(struct.pack(">BBH", 0xFF, 0xE0 + n, 6) + b"junk" for n in range(16))
REAL = {
    "png": a_picture("PNG", 321, 45),
    "png, palette": a_picture("PNG", 7, 9, mode="P"),
    "png, one bit": a_picture("PNG", 17, 3, mode="1"),
    "png, alpha, interlaced": a_picture("PNG", 5, 6, mode="RGBA", interlace=1),
    "png, grey, 16 bit": a_picture("PNG", 5, 6, mode="I;16"),
    "jpeg": a_picture("JPEG", 321, 45),
    "jpeg, progressive": a_picture("JPEG", 99, 1, progressive=True),
    "jpeg, grey": a_picture("JPEG", 12, 34, mode="L"),
    "jpeg, cmyk": a_picture("JPEG", 12, 34, mode="CMYK"),
    "jpeg, exif and profile": a_picture("JPEG", 50, 60, exif=b"Exif\x00\x00" + bytes(60_000), icc_profile=bytes(200_000)),
    "jpeg, comment": a_picture("JPEG", 50, 60, comment=b"\xff\xc0 not a frame" * 400),
    "webp, lossy": a_picture("WEBP", 321, 45),
    "webp, lossless": a_picture("WEBP", 1, 1, lossless=True),
    "webp, lossless, large": a_picture("WEBP", 4000, 3, lossless=True),
    "webp, alpha": a_picture("WEBP", 33, 44, mode="RGBA"),
    "webp, exif": a_picture("WEBP", 33, 44, exif=b"Exif\x00\x00" + bytes(500)),
}
NO_PICTURES = {
    "nothing": b"",
    "svg with a script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "svg with a declaration": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "gif": a_picture("GIF"),
    "gif and javascript": b"GIF89a/*" + bytes(300) + b"*/=1;alert(1)",
    "bmp": a_picture("BMP"),
    "tiff": a_picture("TIFF"),
    "ico": a_picture("ICO"),
    "pdf": b"%PDF-1.7\n%\xff\xd8\xff",
    "zip": b"PK\x03\x04" + bytes(100),
    "elf": b"\x7fELF" + bytes(100),
    "avif": b"\x00\x00\x00\x20ftypavif" + bytes(40),
    "wav": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(40),
    "html before a png": b"<script></script>" + a_picture("PNG"),
    "newline before a png": b"\n" + a_picture("PNG"),
    "bom before a jpeg": b"\xef\xbb\xbf" + a_picture("JPEG"),
    "gif header on a png": b"GIF89a" + a_picture("PNG")[6:],
    "png signature alone": b"\x89PNG\r\n\x1a\n",
    "png signature and zeros": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "png signature and html": b"\x89PNG\r\n\x1a\n<script>alert(1)</script>" + bytes(100),
    "png, wrong checksum": png_header(8, 8, crc=1),
    "png, wrong length": png_header(8, 8, length=14),
    "png, no width": png_header(0, 8),
    "png, no height": png_header(8, 0),
    "png, odd depth": png_header(8, 8, depth=3),
    "png, odd colour": png_header(8, 8, colour=5),
    "png, newlines lost": b"\x89PNG\n\x1a\n" + png_header(8, 8)[8:],
    "jpeg signature alone": b"\xff\xd8\xff",
    "jpeg signature and html": b"\xff\xd8\xff<script>alert(1)</script>",
    "jpeg without a frame": b"\xff\xd8" + JPEG_APPS + b"\xff\xd9",
    "jpeg, no height": jpeg_header(8, 0),
    "jpeg, no width": jpeg_header(0, 8),
    "jpeg, frame cut": jpeg_header(8, 8)[:9],
    "jpeg, lossless": jpeg_header(8, 8, frame=0xC3),
    "jpeg, scan before its frame": jpeg_header(8, 8, before=b"\xff\xda\x00\x08" + bytes(6)),
    "jpeg, segment of no length": jpeg_header(8, 8, before=b"\xff\xe0\x00\x00"),
    "jpeg, segment beyond its end": jpeg_header(8, 8, before=b"\xff\xe0\xff\xff"),
    "jpeg, thousands of segments": jpeg_header(8, 8, before=b"\xff\xe0\x00\x02" * 5_000_000),
    "jpeg, fill bytes only": b"\xff\xd8" + b"\xff" * 1_000_000,
    "webp, other chunk": webp_header(b"ANIM", bytes(20)),
    "webp, no key frame": webp_header(b"VP8 ", b"\x01\x00\x00\x9d\x01\x2a" + bytes(20)),
    "webp, wrong start code": webp_header(b"VP8 ", bytes(30)),
    "webp, no width": webp_header(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a\x00\x00\x08\x00" + bytes(20)),
    "webp, lossless of another version": webp_header(b"VP8L", b"\x2f\xff\xff\xff\xff" + bytes(20)),
    "webp, lossless without its mark": webp_header(b"VP8L", bytes(30)),
    "webp, longer than the file": webp_header(b"VP8X", bytes(10), riff_size=5_000_000),
    "webp, canvas cut": webp_canvas(8, 8)[:29],
}
BOMBS = {
    "png of 900 megapixels": png_bomb(30_000, 30_000),
    "png of 4.6 exapixels": png_header(2**31 - 1, 2**31 - 1),
    "png just above": png_header(8000, 5001),
    "jpeg of 4 gigapixels": jpeg_header(65_535, 65_535),
    "webp of 268 megapixels": webp_canvas(16_384, 16_384),
    "webp canvas of 281 terapixels": webp_canvas(2**24, 2**24),
    "webp, lossless": webp_header(b"VP8L", b"\x2f" + struct.pack("<I", 0x3FFF | 0x3FFF << 14) + bytes(20)),
    "webp, lossy": webp_header(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20)),
}


def look(data: bytes) -> Picture | None:
    return measure(io.BytesIO(data), len(data))


class TestMeasure:
    @pytest.mark.parametrize("data", REAL.values(), ids=REAL.keys())
    def test_agrees_with_a_decoder(self, data: bytes) -> None:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            expected = Picture(Kind(Image.MIME[image.format or ""]), *image.size)
        assert look(data) == expected

    @pytest.mark.parametrize("data", NO_PICTURES.values(), ids=NO_PICTURES.keys())
    def test_refuses_what_is_no_picture(self, data: bytes) -> None:
        assert look(data) is None

    @pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
    def test_sees_a_bomb_by_its_header(self, data: bytes) -> None:
        picture = look(data)
        assert picture is not None
        assert picture.has_too_many_pixels

    @pytest.mark.parametrize("sides", [(8000, 5000), (5000, 8000), (40_000_000, 1), (1, 1)])
    def test_allows_forty_megapixels(self, sides: tuple[int, int]) -> None:
        picture = look(png_header(*sides))
        assert picture is not None
        assert not picture.has_too_many_pixels

    @pytest.mark.parametrize("data", REAL.values(), ids=REAL.keys())
    def test_refuses_a_header_that_is_cut(self, data: bytes) -> None:
        assert [end for end in range(25) if look(data[:end]) is not None] == []

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200), st.sampled_from([b"", *(data[:12] for data in REAL.values())]))
    def test_never_raises(self, tail: bytes, head: bytes) -> None:
        look(head + tail)

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(sorted(REAL)), st.integers(0, 60), st.integers(0, 255))
    def test_never_raises_for_a_damaged_picture(self, name: str, at: int, value: int) -> None:
        data = bytearray(REAL[name])
        data[at % len(data)] = value
        picture = look(bytes(data))
        assert picture is None or min(picture.width, picture.height) > 0


class TestSniff:
    @pytest.mark.parametrize("data", REAL.values(), ids=REAL.keys())
    def test_needs_twelve_bytes(self, data: bytes) -> None:
        assert sniff(data[:12]) == sniff(data) is not None


NAMES = [
    ("cat.png", "cat.png"),
    ("cat.PNG", "cat.png"),
    ("cat.jpg", "cat.png"),
    ("cat", "cat.png"),
    ("", "picture.png"),
    (".", "picture.png"),
    ("..", "picture.png"),
    (".png", "png.png"),
    ("../../etc/passwd", "passwd.png"),
    ("/etc/passwd\x00.png", "passwd.png"),
    (r"C:\Users\me\cat.png", "cat.png"),
    (r"..\..\cat.png", "cat.png"),
    ("a/b/", "picture.png"),
    ("cat.php.png", "cat.php.png"),
    ("cat.png.exe", "cat.png.png"),
    ("cat.svg", "cat.png"),
    ('cat"; filename="evil.exe', "cat; filename=evil.png"),
    ("cat\r\nX-Evil: 1.png", "catX-Evil 1.png"),
    ("\u202egnp.exe", "gnp.png"),
    ("ca\u200bt\ufeff.png", "cat.png"),
    ("%2e%2e%2fcat.png", "2e2e2fcat.png"),
    ("  cat .png ", "cat.png"),
    ("Mr. Cat", "Mr. Cat.png"),
    ("расм ўғил.png", "расм ўғил.png"),
    ("🐈.png", "🐈.png"),
    ("cafe\u0301.png", "caf\u00e9.png"),
    ("x" * 500 + ".png", "x" * 96 + ".png"),
    ("x" * 500, "x" * 96 + ".png"),
]


class TestCleanName:
    @pytest.mark.parametrize(("name", "expected"), NAMES)
    def test_keeps_what_is_harmless(self, name: str, expected: str) -> None:
        assert clean_name(name, Kind.PNG) == expected

    @pytest.mark.parametrize(("name", "expected"), [("a.jpeg", "a.jpeg"), ("a.JPG", "a.jpg"), ("a.png", "a.jpg")])
    def test_knows_both_endings_of_a_jpeg(self, name: str, expected: str) -> None:
        assert clean_name(name, Kind.JPEG) == expected

    @settings(max_examples=500, deadline=None)
    @given(st.text(max_size=300), st.sampled_from(Kind))
    def test_is_always_a_plain_name(self, name: str, kind: Kind) -> None:
        cleaned = clean_name(name, kind)
        assert 0 < len(cleaned) <= NAME_CHARS_MAX
        assert cleaned.isprintable()
        assert not set(cleaned) & set('/\\":<>|?*%')
        assert not cleaned.startswith(".")
        assert rules.clean_name(cleaned, kind) == cleaned
