"""Uploads: what a ticket promises and what was stored (protocol 4.1)."""

import mimetypes
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from simulator import clock

UPLOAD_BYTES_MAX = 200 * 1024 * 1024
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")


@dataclass(slots=True)
class Upload:
    """One upload: `path` is its download path on the asset origin, `token` its single-use PUT."""

    path: str
    filename: str
    size: int
    content_type: str
    expires_ns: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    is_stored: bool = False

    @property
    def type(self) -> str:
        """`image`, `video` or `audio` (protocol 4.1)."""
        family = self.content_type.partition("/")[0]
        return family if family in {"video", "audio"} else "image"

    def to_json(self) -> dict[str, Any]:
        """Return everything, as the journal keeps it."""
        return asdict(self)


def new_upload(filename: str, size: int, content_type: str | None, *, expires_ns: int = 0) -> Upload:
    """Return an upload with a fresh path in the shape seen on the live CDN (protocol 7)."""
    kind = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
    named = PurePosixPath(filename).suffix
    is_plain = named[1:].isascii() and named[1:].isalnum()
    suffix = named if is_plain else mimetypes.guess_extension(kind) or ""
    folder, stem = secrets.token_hex(16), f"{clock.now_ns()}_{secrets.token_hex(4)}"
    return Upload(f"/media/{folder}/images/{stem}{suffix}", filename, size, kind, expires_ns)


def is_image(content: bytes) -> bool:
    """Say whether the bytes begin like one of the documented picture formats (protocol 4.2)."""
    is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_webp or content.startswith(_MAGIC)
