"""Reading a form as it arrives: every cap while reading, every damage refused, whatever the pieces."""

import tempfile
from collections.abc import AsyncIterator, Iterator

import pytest

from app.domain.media.errors import UnsupportedMediaTypeError, UploadInvalidError, UploadTooLargeError
from app.domain.media.multipart import FORM_BYTES_MAX, MEMORY_BYTES_MAX, check_declared, read_file
from app.domain.media.rules import FILE_BYTES_MAX
from tests.forms import BOUNDARY, FORM_TYPE, a_file, a_form, a_part, a_stream, in_pieces
from tests.pictures import a_picture, png_header

PNG = a_picture("PNG")
LARGEST = png_header(8, 8) + bytes(FILE_BYTES_MAX - 33)
File = tempfile.SpooledTemporaryFile[bytes]


@pytest.fixture
def file() -> Iterator[File]:
    with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES_MAX) as opened:
        yield opened


async def read(file: File, body: AsyncIterator[bytes]) -> tuple[str, bytes]:
    """What the form's file is called and holds."""
    received = await read_file(BOUNDARY.encode(), body, file)
    file.seek(0)
    content = file.read()
    assert len(content) == received.size
    return received.filename, content


class TestReadFile:
    @pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 100_000])
    async def test_reads_it_whatever_the_pieces(self, file: File, piece: int) -> None:
        tricky = PNG + f"\r\n--{BOUNDARY[:-1]}\r\n--\r\n".encode() + PNG
        assert await read(file, in_pieces(a_file(tricky), piece)) == ("cat.png", tricky)

    async def test_takes_a_part_without_name_and_type(self, file: File) -> None:
        assert await read(file, in_pieces(a_form(a_part(PNG, 'form-data; name="file"')))) == ("", PNG)

    async def test_takes_header_names_in_any_case(self, file: File) -> None:
        form = a_file(PNG).replace(b"Content-Disposition", b"CONTENT-disposition")
        assert await read(file, in_pieces(form)) == ("cat.png", PNG)

    async def test_reads_a_name_in_utf_8(self, file: File) -> None:
        name, _ = await read(file, in_pieces(a_file(PNG, "расм.png")))
        assert name == "расм.png"

    async def test_ignores_the_extended_name(self, file: File) -> None:
        disposition = 'form-data; name="file"; filename="a.png"; filename*=UTF-8\'\'..%2f..%2fb.png'
        name, _ = await read(file, in_pieces(a_form(a_part(PNG, disposition))))
        assert name == "a.png"

    async def test_takes_twenty_megabytes_to_the_byte(self, file: File) -> None:
        _, content = await read(file, in_pieces(a_file(LARGEST)))
        assert len(content) == FILE_BYTES_MAX

    async def test_keeps_at_most_a_mebibyte_in_memory(self, file: File) -> None:
        await read(file, in_pieces(a_file(LARGEST[: MEMORY_BYTES_MAX + 1])))
        assert file._rolled  # type: ignore[attr-defined]

    async def test_takes_one_enormous_piece(self, file: File) -> None:
        _, content = await read(file, in_pieces(a_file(LARGEST), len(LARGEST) * 2))
        assert len(content) == FILE_BYTES_MAX


class TestCaps:
    async def test_refuses_one_byte_more(self, file: File) -> None:
        with pytest.raises(UploadTooLargeError):
            await read(file, in_pieces(a_file(LARGEST + b"x")))

    @pytest.mark.parametrize("head", [PNG, b"no picture at all"], ids=["picture", "no picture"])
    async def test_stops_at_the_cap(self, file: File, head: bytes) -> None:
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            yield a_part(head)[:-2]
            while True:
                sent += 65_536
                yield bytes(65_536)

        with pytest.raises(UploadTooLargeError):
            await read(file, a_stream(endless()))
        assert sent <= FORM_BYTES_MAX + 65_536

    async def test_keeps_nothing_of_what_is_no_picture(self, file: File) -> None:
        with pytest.raises(UnsupportedMediaTypeError):
            await read(file, in_pieces(a_file(bytes(5_000_000))))
        file.seek(0, 2)
        assert file.tell() == 0

    @pytest.mark.parametrize("before", [b"\r\n" * 20_000_000, b"\n" + b"x" * 40_000_000], ids=["newlines", "preamble"])
    async def test_counts_what_stands_before_the_form(self, file: File, before: bytes) -> None:
        with pytest.raises((UploadTooLargeError, UploadInvalidError)):
            await read(file, in_pieces(before + a_file(PNG)))

    async def test_counts_what_stands_after_the_form(self, file: File) -> None:
        with pytest.raises(UploadTooLargeError):
            await read(file, in_pieces(a_file(PNG) + bytes(FORM_BYTES_MAX)))

    async def test_limits_a_header(self, file: File) -> None:
        with pytest.raises(UploadInvalidError):
            await read(file, in_pieces(a_file(PNG, "x" * 5000)))

    async def test_limits_the_number_of_headers(self, file: File) -> None:
        with pytest.raises(UploadInvalidError):
            await read(file, in_pieces(a_form(a_part(PNG, 'form-data; name="file"', *(f"X-{n}: y" for n in range(9))))))

    async def test_stops_at_a_second_part(self, file: File) -> None:
        parts = [a_part(PNG)] * 100_000
        with pytest.raises(UploadInvalidError):
            await read(file, in_pieces(a_form(*parts)))


SHAPES = {
    "nothing": b"",
    "no form": b"hello",
    "another boundary": a_file(PNG).replace(BOUNDARY.encode(), b"other"),
    "cut in a header": a_file(PNG)[:60],
    "cut in the file": a_file(PNG)[:-80],
    "cut before its end": a_file(PNG)[: -len(BOUNDARY) - 8],
    "cut in the last boundary": a_file(PNG)[:-6],
    "two files": a_form(a_part(PNG), a_part(PNG)),
    "two fields": a_form(a_part(PNG), a_part(b"1001", 'form-data; name="telegram_id"')),
    "another field first": a_form(a_part(b"1001", 'form-data; name="telegram_id"'), a_part(PNG)),
    "another name": a_form(a_part(PNG, 'form-data; name="picture"; filename="cat.png"')),
    "a name in another case": a_form(a_part(PNG, 'form-data; name="File"; filename="cat.png"')),
    "no name": a_form(a_part(PNG, 'form-data; filename="cat.png"')),
    "an attachment": a_form(a_part(PNG, 'attachment; name="file"; filename="cat.png"')),
    "no disposition": f"--{BOUNDARY}\r\nContent-Type: image/png\r\n\r\n".encode() + PNG + f"\r\n--{BOUNDARY}--\r\n".encode(),
    "no headers": f"--{BOUNDARY}\r\n\r\n".encode() + PNG + f"\r\n--{BOUNDARY}--\r\n".encode(),
    "no parts": a_form(),
    "an empty file": a_file(b""),
    "nul in a header": a_file(PNG, "a\x00b.png").replace(b"Content-Type", b"Content\x00Type"),
}


class TestShapes:
    @pytest.mark.parametrize("form", SHAPES.values(), ids=SHAPES.keys())
    @pytest.mark.parametrize("piece", [1, 65_536])
    async def test_refuses_any_but_one_file(self, file: File, form: bytes, piece: int) -> None:
        with pytest.raises(UploadInvalidError) as caught:
            await read(file, in_pieces(form, piece))
        assert caught.value.members["errors"]

    @pytest.mark.parametrize("content", [b"\x89", b"\xff\xd8", b"<svg/>", b"GIF89a"])
    async def test_tells_a_small_file_that_is_no_picture(self, file: File, content: bytes) -> None:
        with pytest.raises(UnsupportedMediaTypeError):
            await read(file, in_pieces(a_file(content)))


class TestCheckDeclared:
    def test_finds_the_boundary(self) -> None:
        assert check_declared(FORM_TYPE, None) == BOUNDARY.encode()
        assert check_declared('Multipart/Form-Data; boundary="a b"', "100") == b"a b"

    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "",
            "image/png",
            "application/json",
            "multipart/mixed; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=",
        ],
    )
    def test_refuses_what_is_no_form(self, content_type: str | None) -> None:
        with pytest.raises(UnsupportedMediaTypeError):
            check_declared(content_type, None)

    async def test_refuses_an_overlong_boundary(self, file: File) -> None:
        with pytest.raises(UnsupportedMediaTypeError):
            await read_file(b"x" * 10_000, in_pieces(b""), file)

    @pytest.mark.parametrize("length", [FORM_BYTES_MAX + 1, 50_000_000, 10**30])
    def test_refuses_a_length_above_the_cap(self, length: int) -> None:
        with pytest.raises(UploadTooLargeError):
            check_declared(FORM_TYPE, str(length))

    @pytest.mark.parametrize("length", [None, "0", str(FORM_BYTES_MAX), "x", "-1", "¹"])
    def test_leaves_the_rest_to_reading(self, length: str | None) -> None:
        assert check_declared(FORM_TYPE, length)
