"""Uploads to the provider: its binary upload while it has one, else its tickets.

Facts (protocol 4.1, 4.2): `POST media/upload/binary` takes multipart with the single field `file`; `POST media/uploads` answers a
ticket, whose `upload.url` takes the raw bytes by PUT with exactly `upload.headers`, a Content-Length and no Authorization, once.

An upload makes nothing that is billed, so one whose connection broke is sent a second time; not so after a timeout, because the
client has waited long enough. Storage refuses a ticket's second PUT, so a repeated upload asks for a new ticket.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import IO, Literal
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from app.core.json_answers import read_json
from app.provider.answers import REASON_CHARS_MAX, retry_after_s, short
from app.provider.errors import BusyError, ProviderError, RefusedError
from app.provider.wire import is_ok, read_envelope

UploadFlow = Literal["auto", "binary", "ticket"]

TOTAL_TIMEOUT_S = 150.0
TIMEOUT = aiohttp.ClientTimeout(total=TOTAL_TIMEOUT_S, connect=10, sock_read=60)
CHUNK_BYTES = 256 * 1024
GONE = frozenset({404, 405, 410})

_OK = range(200, 300)
_BUSY = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_NOT_OURS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")  # what aiohttp would add to a ticket's headers


@dataclass(frozen=True)
class Upload:
    """A file to be stored, from its beginning; `filename` holds no quote and no control character."""

    file: IO[bytes]
    size: int
    filename: str
    media_type: str


@dataclass(frozen=True)
class _Ticket:
    url: str
    headers: Mapping[str, str]
    download_url: str


class Uploads:
    """The provider's uploads for one process; remembers when the binary upload is gone."""

    def __init__(self, base_url: str, api_key: str, api: aiohttp.ClientSession, *, flow: UploadFlow) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._api = api
        # Storage is another party: a session that knows no key.
        self._storage = aiohttp.ClientSession(connector=api.connector, connector_owner=False)
        self._is_binary = flow != "ticket"
        self._may_change = flow == "auto"

    async def close(self) -> None:
        """Close what is not the API session's."""
        await self._storage.close()

    async def send(self, upload: Upload) -> str:
        """Store a file and return its public address. Raises RefusedError (a reason fit to be shown) or BusyError (try later)."""
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S):
                try:
                    return await self._send_once(upload)
                except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                    return await self._send_once(upload)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BusyError(f"no answer: {short(error)}", is_down=True) from error
        except ValueError as error:
            raise RefusedError(f"its answer was not understood ({error})"[:REASON_CHARS_MAX]) from error

    async def _send_once(self, upload: Upload) -> str:
        if self._is_binary:
            url = await self._send_form(upload)
            if url is not None:
                return url
        return await self._send_by_ticket(upload)

    async def _send_form(self, upload: Upload) -> str | None:
        """The binary upload; None when it is gone and tickets may be used instead."""
        boundary = secrets.token_hex(16)
        disposition = f'form-data; name="file"; filename="{upload.filename}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {upload.media_type}\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + upload.size + len(tail)),
        }
        async with self._api.post(
            f"{self._base_url}/media/upload/binary",
            data=_chunks(upload, head, tail),
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=False,
        ) as response:
            if response.status in GONE and self._may_change:
                self._is_binary = False
                return None
            return _download_url(await self._data_of(response), self._base_url)

    async def _send_by_ticket(self, upload: Upload) -> str:
        asked = {"filename": upload.filename, "size": upload.size, "content_type": upload.media_type}
        async with self._api.post(
            f"{self._base_url}/media/uploads", json=asked, timeout=TIMEOUT, allow_redirects=False
        ) as response:
            ticket = _ticket(await self._data_of(response), self._base_url)
        async with self._storage.put(
            URL(ticket.url, encoded=True),
            data=_chunks(upload),
            headers={**ticket.headers, "Content-Length": str(upload.size)},
            skip_auto_headers=_NOT_OURS,
            timeout=TIMEOUT,
            allow_redirects=False,
        ) as response:
            if response.status not in _OK:
                raise self._failure(response, response.status, "its storage did not take the file")
        return ticket.download_url

    async def _data_of(self, response: aiohttp.ClientResponse) -> object:
        try:
            code, message, data = read_envelope(await read_json(response))
        except ValueError:
            if response.status in _OK:
                raise
            raise self._failure(response, response.status, "") from None
        status = code if response.status in _OK else response.status
        if response.status not in _OK or not is_ok(code):
            raise self._failure(response, status, message)
        return data

    def _failure(self, response: aiohttp.ClientResponse, status: int, message: str) -> ProviderError:
        plain = "".join(char for char in message if char.isprintable()).replace(self._api_key, "***")
        reason = f"{status}: {plain}".rstrip(": ")[:REASON_CHARS_MAX]
        if status in _BUSY or status >= _SERVER_ERROR:
            return BusyError(reason, is_down=status >= _SERVER_ERROR, retry_after_s=retry_after_s(response))
        return RefusedError(reason)


async def _chunks(upload: Upload, head: bytes = b"", tail: bytes = b"") -> AsyncIterator[bytes]:
    upload.file.seek(0)
    if head:
        yield head
    while chunk := await asyncio.to_thread(upload.file.read, CHUNK_BYTES):
        yield chunk
    if tail:
        yield tail


def _ticket(data: object, base_url: str) -> _Ticket:
    upload = data.get("upload") if isinstance(data, dict) else None
    if not isinstance(upload, dict) or str(upload.get("method", "")).upper() != "PUT":
        msg = "no ticket for a PUT"
        raise ValueError(msg)
    headers = upload.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        msg = "the ticket's headers"
        raise ValueError(msg)
    return _Ticket(_url(upload.get("url"), base_url), headers, _download_url(data, base_url))


def _download_url(data: object, base_url: str) -> str:
    return _url(data.get("download_url") if isinstance(data, dict) else None, base_url)


def _url(value: object, base_url: str) -> str:
    """An address that the provider gave: https, or http when the provider itself is reached by http (the simulator)."""
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or not parts.hostname or parts.scheme not in {"https", urlsplit(base_url).scheme}:
        msg = "no https address in it"
        raise ValueError(msg)
    return str(value)
