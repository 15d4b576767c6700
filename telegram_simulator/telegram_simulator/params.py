"""The parameters of a Bot API request: query string, JSON, urlencoded form and multipart form alike."""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from telegram_simulator.errors import bad_request

ATTACH = "attach://"
FIELD_BYTES_MAX = 4 * 1024 * 1024
FILES_MAX = 50


@dataclass(frozen=True, slots=True)
class Upload:
    """A file sent inside the request."""

    name: str
    content: bytes
    content_type: str


class Params:
    """Named values of one request, read as the type a method wants. JSON may give numbers and objects where a form gives texts."""

    def __init__(self, values: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None) -> None:
        self._values = values
        self._uploads = uploads or {}

    def text(self, name: str) -> str:
        """Return the text, empty when it is not there."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False)

    def has(self, name: str) -> bool:
        """Say whether the parameter was given and is not empty."""
        return self._values.get(name) not in {None, ""} if not isinstance(self._values.get(name), dict | list) else True

    def integer(self, name: str, default: int = 0) -> int:
        """Return the whole number, or the default when it is not there; raises TelegramError for anything else."""
        if not self.has(name):
            return default
        try:
            return int(self.text(name))
        except ValueError as error:
            raise bad_request(f"invalid {name} specified") from error

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return the switch as Telegram reads one: `true`, `yes` or `1`, in any case."""
        return self.text(name).lower() in {"true", "yes", "1"} if self.has(name) else default

    def tree(self, name: str, what: str = "") -> Any:
        """Return an object or array, given as JSON text or as itself, or None; raises TelegramError for broken JSON."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            tree = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise bad_request(f"can't parse {what or name} JSON object") from error
        if "\\u" in value:
            _check_letters(tree)
        return tree

    def upload(self, name: str) -> Upload | None:
        """Return the file of that field name, with or without `attach://`, or None."""
        return self._uploads.get(name.removeprefix(ATTACH))

    def shown(self) -> dict[str, Any]:
        """Return everything for the log; of a file its name and size."""
        files = {name: {"file_name": upload.name, "size": len(upload.content)} for name, upload in self._uploads.items()}
        return {name: _readable(value) for name, value in self._values.items()} | files


def _readable(value: object) -> object:
    """What looks like a JSON object or array is shown as one, so that a log reads the same for every kind of body."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


async def read_params(content_type: str, body: bytes, query: str = "") -> Params:
    """Return the parameters of a request; raises TelegramError for a body that is not what it says."""
    values: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" and body.strip():
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise bad_request("can't parse JSON object") from error
        if b"\\u" in body:
            _check_letters(given)
        if not isinstance(given, dict):
            raise bad_request("can't parse JSON object")
        return Params(values | given)
    if kind == "application/x-www-form-urlencoded":
        return Params(values | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
    if kind == "multipart/form-data":
        return await _read_multipart(content_type, body, values)
    return Params(values)


def _check_letters(value: object) -> None:
    """Refuse half of a character, which JSON can name and UTF-8 cannot write."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error


async def _read_multipart(content_type: str, body: bytes, values: dict[str, Any]) -> Params:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(Headers({"content-type": content_type}), whole(), max_files=FILES_MAX, max_part_size=FIELD_BYTES_MAX)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise bad_request("can't parse multipart form") from error
    uploads: dict[str, Upload] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                uploads[name] = Upload(value.filename or "file", await value.read(), value.content_type or "")
            else:
                values[name] = value
    finally:
        await form.close()
    return Params(values, uploads)
