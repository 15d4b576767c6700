"""Multipart forms put together by hand, so that they may be wrong in every way."""

from collections.abc import AsyncIterator, Iterable

BOUNDARY = "----rassom7MA4YWxkTrZu0gW"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def a_part(content: bytes, disposition: str = 'form-data; name="file"; filename="cat.png"', *headers: str) -> bytes:
    """One part with its headers."""
    lines = [f"Content-Disposition: {disposition}", *headers]
    return f"--{BOUNDARY}\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def a_form(*parts: bytes) -> bytes:
    """The whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def a_file(content: bytes, filename: str = "cat.png") -> bytes:
    """A form with one file, as a well-behaved client sends it."""
    return a_form(a_part(content, f'form-data; name="file"; filename="{filename}"', "Content-Type: image/png"))


async def in_pieces(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """A body as it arrives."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def a_stream(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """A body that is made while it is sent."""
    for piece in pieces:
        yield piece
