"""Files with their ids: photos in several sizes, documents with their name and bytes."""

import asyncio
import io
import mimetypes
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image, UnidentifiedImageError

from telegram_simulator.blobs import Blobs
from telegram_simulator.errors import TelegramError, bad_request
from telegram_simulator.store import Store

FILES_MAX = 100_000
PHOTO_BYTES_MAX = 10 * 1024 * 1024
PHOTO_SIDES_MAX = 10_000
PHOTO_RATIO_MAX = 20
DOWNLOAD_BYTES_MAX = 20 * 1024 * 1024
# The sizes Telegram makes of a photo, by their longer side; the last is the largest a phone sends.
PHOTO_SIDES = (90, 320, 800, 1280)
JPEG_QUALITY = 87


@dataclass(slots=True)
class StoredFile:
    """One file id. `photo` names the photo it is a size of; such a size is drawn from `blob` when somebody wants its bytes."""

    file_id: str
    unique_id: str
    path: str
    blob: str
    name: str = ""
    content_type: str = ""
    size: int = 0
    width: int = 0
    height: int = 0
    photo: str = ""

    @property
    def is_photo(self) -> bool:
        """Whether it is a size of a photo."""
        return bool(self.photo)


def is_picture(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture Telegram can make a photo of, or None; its pixels are not read yet."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            size = picture.size
            picture.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return size


class Files:
    """Every file the bot or a person sent, the newest ones."""

    def __init__(self, store: Store, directory: Path | None) -> None:
        self._store = store
        self._blobs = Blobs(directory)
        self._files: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}
        self._photos: dict[str, list[StoredFile]] = {}
        self._counter = 0
        for value in sorted(store.load("file"), key=lambda entry: int(entry["number"])):
            self._counter = value.pop("number")
            self._know(StoredFile(**value))

    def add_document(self, name: str, content: bytes, content_type: str = "") -> StoredFile:
        """Keep a document as it is: name and bytes."""
        guessed = mimetypes.guess_type(name)[0] or content_type or "application/octet-stream"
        suffix = PurePosixPath(name).suffix
        blob = secrets.token_hex(12)
        self._blobs.put(blob, content)
        file = StoredFile(*_ids("BQACAgIAAxkB"), f"documents/file_{self._counter + 1}{suffix}", blob, name, guessed, len(content))
        return self._add(file)

    def add_photo(self, content: bytes) -> list[StoredFile]:
        """Keep a photo and return its sizes, the smallest first; raises TelegramError for what is no photo."""
        if len(content) > PHOTO_BYTES_MAX:
            raise bad_request(
                f"file of size {len(content)} bytes is too big for a photo; the maximum size is {PHOTO_BYTES_MAX} bytes"
            )
        found = is_picture(content)
        if found is None:
            raise bad_request("IMAGE_PROCESS_FAILED")
        width, height = found
        if width + height > PHOTO_SIDES_MAX or max(found) > PHOTO_RATIO_MAX * min(found):
            raise bad_request("PHOTO_INVALID_DIMENSIONS")
        blob = secrets.token_hex(12)
        self._blobs.put(blob, content)
        for side in _sides(max(found)):
            scale = min(1.0, side / max(found))
            shown = (max(1, round(width * scale)), max(1, round(height * scale)))
            path = f"photos/file_{self._counter + 1}.jpg"
            ids = _ids("AgACAgIAAxkB")
            self._add(StoredFile(*ids, path, blob, content_type="image/jpeg", width=shown[0], height=shown[1], photo=blob))
        return self._photos[blob]

    def _add(self, file: StoredFile) -> StoredFile:
        self._counter += 1
        self._know(file)
        self._store.keep("file", file.file_id, asdict(file) | {"number": self._counter})
        if len(self._files) > FILES_MAX:
            self._forget(next(iter(self._files.values())))
        return file

    def _know(self, file: StoredFile) -> None:
        self._files[file.file_id] = file
        self._by_path[file.path] = file
        if file.photo:
            self._photos.setdefault(file.photo, []).append(file)

    def _forget(self, file: StoredFile) -> None:
        del self._files[file.file_id], self._by_path[file.path]
        self._photos.pop(file.photo, None)
        self._store.drop("file", file.file_id)

    def find(self, file_id: str) -> StoredFile | None:
        """Return the file of that id, or None."""
        return self._files.get(file_id)

    def at_path(self, path: str) -> StoredFile | None:
        """Return the file that `getFile` said is there, or None."""
        return self._by_path.get(path)

    def sizes(self, file: StoredFile) -> list[StoredFile]:
        """Return all sizes of the photo that the file is one of."""
        return self._photos.get(file.photo, [file])

    async def content(self, file: StoredFile) -> bytes | None:
        """Return the bytes, or None when they had to make room; a photo's size is drawn at its first use."""
        if not file.is_photo:
            return self._blobs.find(file.blob)
        drawn_name = f"{file.unique_id}.jpg"
        drawn = self._blobs.find(drawn_name)
        if drawn is not None:
            return drawn
        source = self._blobs.find(file.blob)
        if source is None:
            return None
        try:
            drawn = await asyncio.to_thread(_drawn, source, (file.width, file.height))
        except (OSError, SyntaxError, ValueError):
            return None
        self._blobs.put(drawn_name, drawn)
        file.size = len(drawn)
        return drawn

    def clear(self) -> None:
        """Forget everything."""
        self._blobs.clear()
        for held in (self._files, self._by_path, self._photos):
            held.clear()


def photo_wire(sizes: list[StoredFile]) -> list[dict[str, Any]]:
    """Return a photo as the Bot API shows it: its sizes, the smallest first."""
    return [_common(size) | {"width": size.width, "height": size.height} for size in sizes]


def document_wire(file: StoredFile) -> dict[str, Any]:
    """Return a document as the Bot API shows it."""
    return _common(file) | {"file_name": file.name, "mime_type": file.content_type}


def file_wire(file: StoredFile) -> dict[str, Any]:
    """Return the answer of `getFile`; raises TelegramError for a file a bot may not download."""
    if file.size > DOWNLOAD_BYTES_MAX:
        raise bad_request("file is too big")
    return _common(file) | {"file_path": file.path}


def _common(file: StoredFile) -> dict[str, Any]:
    shown: dict[str, Any] = {"file_id": file.file_id, "file_unique_id": file.unique_id}
    return shown | {"file_size": file.size} if file.size else shown


def _ids(prefix: str) -> tuple[str, str]:
    return f"{prefix}{secrets.token_urlsafe(40)}", f"AQAD{secrets.token_urlsafe(8)}"


def _sides(longest: int) -> list[int]:
    """Every size smaller than the picture, and the first that shows it whole."""
    smaller = [side for side in PHOTO_SIDES if side < longest]
    return [*smaller, min(longest, PHOTO_SIDES[-1])] if longest <= PHOTO_SIDES[-1] else list(PHOTO_SIDES)


def _drawn(source: bytes, size: tuple[int, int]) -> bytes:
    with Image.open(io.BytesIO(source)) as picture:
        picture.draft("RGB", size)
        flat = picture.convert("RGBA") if picture.mode in {"P", "LA", "RGBA"} else picture.convert("RGB")
    if flat.mode == "RGBA":
        ground = Image.new("RGB", flat.size, (255, 255, 255))
        ground.paste(flat, mask=flat.getchannel("A"))
        flat = ground
    encoded = io.BytesIO()
    flat.resize(size, Image.Resampling.BILINEAR, reducing_gap=2).save(encoded, "JPEG", quality=JPEG_QUALITY)
    return encoded.getvalue()


def wrong_id(given: str) -> TelegramError:
    """Return the refusal of a text that is no file id of this bot."""
    is_like_one = len(given) >= len("AgACAgIAAxkB") and all(letter.isalnum() or letter in "-_" for letter in given)
    if is_like_one:
        return bad_request("wrong remote file identifier specified: can't unserialize it. Wrong last symbol")
    return bad_request("wrong file identifier/HTTP URL specified")
