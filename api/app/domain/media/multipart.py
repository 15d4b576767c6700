"""Reading the one file of a multipart form as it arrives, into a temporary file: 1 MiB of memory at most, the rest on disk.

Every cap holds while reading: the first byte over the limit ends it, with or without a Content-Length, and what does not begin like
a picture is counted but not kept. Only form and size are judged here; the picture itself is rules.py's business.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.domain.media.errors import UnsupportedMediaTypeError, UploadInvalidError, UploadTooLargeError
from app.domain.media.rules import FILE_BYTES_MAX, HEAD_BYTES, sniff
from app.domain.media.schemas import Received

FIELD = "file"
MEMORY_BYTES_MAX = 1024 * 1024
FORM_BYTES_MAX = FILE_BYTES_MAX + 64 * 1024  # the file, and boundaries and headers around it
LENGTH_DIGITS_MAX = 18
HEADERS_MAX = 8
HEADER_BYTES_MAX = 4096
STEP_BYTES = 256 * 1024

_TOO_LARGE = f"A picture has at most {FILE_BYTES_MAX // 1024 // 1024} MB."


def check_declared(content_type: str | None, content_length: str | None) -> bytes:
    """The form's boundary, from the headers alone. Raises UnsupportedMediaTypeError, UploadTooLargeError: nothing was read yet."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise UnsupportedMediaTypeError("The body is not a multipart form")
    declared = content_length if content_length is not None and re.fullmatch("[0-9]+", content_length) else "0"
    if len(declared) > LENGTH_DIGITS_MAX or int(declared) > FORM_BYTES_MAX:
        raise UploadTooLargeError(_TOO_LARGE)
    return boundary


async def read_file(boundary: bytes, body: AsyncIterator[bytes], file: IO[bytes]) -> Received:
    """Write the form's file to `file`, a temporary one, and say what it is called.

    Raises UploadTooLargeError, UploadInvalidError, UnsupportedMediaTypeError; the first two as soon as they are known.
    """
    form = _Form(boundary)
    async for chunk in body:
        for start in range(0, len(chunk), STEP_BYTES):
            await _store(file, form.feed(chunk[start : start + STEP_BYTES]), form.size)
    return form.received(file)


async def _store(file: IO[bytes], data: bytes, size: int) -> None:
    if size <= MEMORY_BYTES_MAX:
        file.write(data)
    elif data:
        await asyncio.to_thread(file.write, data)


class _Form:
    """A form of one file, fed bytes as they come."""

    def __init__(self, boundary: bytes) -> None:
        self.size = 0
        self._bytes_seen = 0
        self._parts = 0
        self._filename = ""
        self._is_complete = False
        self._is_picture = True
        self._head = bytearray()
        self._field = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._new: list[bytes] = []
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
                max_header_count=HEADERS_MAX,
                max_header_size=HEADER_BYTES_MAX,
            )
        except FormParserError as error:
            raise UnsupportedMediaTypeError("The body is not a multipart form") from error

    def feed(self, chunk: bytes) -> bytes:
        """The file's bytes in this piece of the body, as far as they are worth keeping."""
        self._bytes_seen += len(chunk)
        if self._bytes_seen > FORM_BYTES_MAX:
            raise UploadTooLargeError(_TOO_LARGE)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise UploadInvalidError("this is not a well-formed multipart form", field="body") from error
        data = b"".join(self._new) if self._is_picture else b""
        self._new.clear()
        return data

    def received(self, file: IO[bytes]) -> Received:
        """What the whole form held."""
        if not self._is_complete:
            raise UploadInvalidError("this multipart form is cut off before its end", field="body")
        if self._parts == 0:
            raise UploadInvalidError("Field required")
        if self.size == 0:
            raise UploadInvalidError("the file is empty")
        if not self._is_picture or sniff(bytes(self._head)) is None:
            raise UnsupportedMediaTypeError("The file does not begin like a picture")
        return Received(file, self.size, self._filename)

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise UploadInvalidError("send one file and nothing else")

    def _on_header_end(self) -> None:
        if bytes(self._field).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        if kind != b"form-data" or name != FIELD:
            raise UploadInvalidError("Extra inputs are not permitted; the file goes into `file`", field=name[:100] or "body")
        self._filename = options.get(b"filename", b"").decode(errors="replace")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.size += end - start
        if self.size > FILE_BYTES_MAX:
            raise UploadTooLargeError(_TOO_LARGE)
        if len(self._head) < HEAD_BYTES:
            self._head += data[start : min(end, start + HEAD_BYTES)]
            if len(self._head) >= HEAD_BYTES:
                self._is_picture = sniff(bytes(self._head)) is not None
        if self._is_picture:
            self._new.append(data[start:end])

    def _on_end(self) -> None:
        self._is_complete = True
