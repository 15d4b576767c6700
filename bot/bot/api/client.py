"""The one door to the API: HTTP with a service key, a request id on every call, problems as errors.

Nothing is sent twice that is not safe to send twice: a call is repeated after a `429` (nothing was done), and, when no answer came,
if it reads or carries an idempotency key.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import structlog
from pydantic import TypeAdapter, ValidationError

from bot.api.errors import ApiAwayError, ApiRefusalError

CALL_TIMEOUT_S = 20.0
# What one person may use up in a moment comes back within seconds; a longer wait is told to the person.
PATIENCE_MAX_S = 5.0
TRIES_MAX = 4
TRY_AGAIN_S = 0.3

_T = TypeVar("_T")


class ApiClient:
    """A client of one API. `session` is the caller's, who also closes it."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, key: str) -> None:
        self._session = session
        self._base_url = f"{base_url}/api/v1"
        self._headers = {"Authorization": f"Bearer {key}"}

    async def get(self, path: str, kind: type[_T], **params: str | int | None) -> _T:
        """Read something. Raises ApiRefusalError, ApiAwayError."""
        return self._read(kind, await self._call("GET", path, params=params, is_repeatable=True))

    async def post(
        self,
        path: str,
        kind: type[_T],
        body: Mapping[str, Any] | None,
        *,
        key: str | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> _T:
        """Do something; with `key` (Idempotency-Key) it is done once however often it is sent.

        Raises ApiRefusalError, ApiAwayError.
        """
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self._call("POST", path, body=body, headers=headers, is_repeatable=key is not None, timeout_s=timeout_s)
        return self._read(kind, answer)

    async def put(self, path: str, kind: type[_T], body: Mapping[str, Any]) -> _T:
        """Set something; the same again changes nothing. Raises ApiRefusalError, ApiAwayError."""
        return self._read(kind, await self._call("PUT", path, body=body, is_repeatable=True))

    async def upload(self, path: str, kind: type[_T], picture: bytes, filename: str, **params: int) -> _T:
        """Send a file in the form field `file`. Raises ApiRefusalError, ApiAwayError."""
        return self._read(kind, await self._call("POST", path, params=params, picture=(picture, filename), timeout_s=120))

    @asynccontextmanager
    async def stream(self, path: str, *, last_event_id: int | None, silence_max_s: float) -> AsyncIterator[aiohttp.StreamReader]:
        """Open a stream of server-sent events. Raises ApiRefusalError, ApiAwayError; its reader raises aiohttp's errors."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=silence_max_s)
        try:
            async with self._session.get(self._base_url + path, headers=self._headers | headers, timeout=timeout) as answer:
                if answer.status != 200:  # noqa: PLR2004 - the one status of an open stream
                    raise _refusal(answer, await answer.read())
                yield answer.content
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiAwayError(f"GET {path}: {type(error).__name__}") from error

    async def _call(self, method: str, path: str, *, is_repeatable: bool = False, **request: Any) -> bytes:
        waited_s = 0.0
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                return await self._send(method, path, **request)
            except ApiRefusalError as error:
                # Counted, and not done: the same call again is the first one.
                wait_s = error.retry_after_s or 1.0
                if (
                    error.code not in {"rate_limited", "idempotency_in_flight"}
                    or not tries_left
                    or waited_s + wait_s > PATIENCE_MAX_S
                ):
                    raise
            except ApiAwayError:
                wait_s = TRY_AGAIN_S
                if not is_repeatable or not tries_left:
                    raise
            waited_s += wait_s
            await asyncio.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | None] | None = None,
        body: Mapping[str, Any] | None = None,
        picture: tuple[bytes, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> bytes:
        form = None
        if picture is not None:
            # A new one for each try: a form can be sent once.
            form = aiohttp.FormData()
            form.add_field("file", picture[0], filename=picture[1])
        given = {name: value for name, value in (params or {}).items() if value is not None}
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        all_headers = self._headers | dict(headers or {}) | ({"X-Request-ID": request_id} if request_id else {})
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=5)
        try:
            async with self._session.request(
                method, self._base_url + path, params=given, json=body, data=form, headers=all_headers, timeout=timeout
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiAwayError(f"{method} {path}: {type(error).__name__}") from error
        if answer.status >= 400:  # noqa: PLR2004 - where refusals begin
            raise _refusal(answer, content)
        return content

    def _read(self, kind: type[_T], content: bytes) -> _T:
        try:
            return TypeAdapter(kind).validate_json(content)
        except ValidationError as error:
            raise ApiAwayError("the answer is none of this API's") from error


def _refusal(answer: aiohttp.ClientResponse, content: bytes) -> ApiRefusalError | ApiAwayError:
    try:
        problem = json.loads(content)
        code = str(problem["code"])
    except (ValueError, TypeError, KeyError):
        # Something between us and the API answered: a proxy whose API is away says 502.
        return ApiAwayError(f"{answer.status} without a problem")
    retry_after = answer.headers.get("Retry-After", "")
    return ApiRefusalError(answer.status, code, problem, retry_after_s=float(retry_after) if retry_after.isdecimal() else None)
