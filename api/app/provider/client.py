"""The provider over HTTP: submit once, read a task, our balance, history and costs. Every failure says what is known (errors.py).

A submit is sent once per call, never redirected and never retried here: there is no idempotency key in the protocol.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from app.core import clock
from app.core.json_answers import read_json
from app.core.metrics import PROVIDER_SECONDS
from app.provider.answers import retry_after_s, short
from app.provider.errors import BusyError, ProviderError, RefusedError, TaskGoneError, UnknownError
from app.provider.history import PastTask, bills_body, read_bills, read_page, read_price, search_body
from app.provider.uploads import UploadFlow, Uploads
from app.provider.wire import (
    OUT_OF_CREDIT_CODE,
    Order,
    Task,
    is_ok,
    is_out_of_credit,
    read_envelope,
    read_task,
    read_usd,
)

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
HISTORY_PAGES_MAX = 50

_BAD_REQUEST = 400
_NOT_FOUND = 404
_TOO_MANY = 429
_SERVER_ERROR = 500
_OK = range(200, 300)


class ProviderClient:
    """One connection pool to the provider for one process; thousands of held-open submits cost a socket each."""

    def __init__(self, base_url: str, api_key: str, *, submit_timeout_s: float, upload_flow: UploadFlow = "auto") -> None:
        self._base_url = base_url
        self._submit_timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S, sock_read=submit_timeout_s)
        self._read_timeout = aiohttp.ClientTimeout(total=READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=10),
            headers={"Authorization": f"Bearer {api_key}", "User-Agent": "rassom"},
            auto_decompress=True,
        )
        self.uploads = Uploads(base_url, api_key, self._http, flow=upload_flow)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.uploads.close()
        await self._http.close()

    async def submit(self, order: Order) -> Task:
        """Send an order and return its task, finished already where sync mode was in time.

        Raises RefusedError, BusyError or UnknownError; see there what each says of the task.
        """
        try:
            with _timed("submit"):
                async with self._http.post(
                    self._submit_url(order), json=dict(order.body), timeout=self._submit_timeout, allow_redirects=False
                ) as response:
                    return await _read_submit(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise BusyError(f"no connection: {short(error)}", is_down=True) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnknownError(f"the answer was lost: {short(error)}") from error

    async def read(self, task_id: str) -> Task:
        """The task as it is now. Raises TaskGoneError (404), or BusyError: no usable answer, the task is unaffected, ask later."""
        url = f"{self._base_url}/predictions/{task_id}/result"
        try:
            with _timed("read"):
                async with self._http.get(url, timeout=self._read_timeout, allow_redirects=False) as response:
                    if response.status == _NOT_FOUND:
                        raise TaskGoneError(f"HTTP 404 for task {task_id}")
                    body = await read_json(response)
                    if response.status not in _OK:
                        raise BusyError(f"HTTP {response.status}", is_down=response.status >= _SERVER_ERROR)
                    return read_task(_data_of(body))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise BusyError(f"no answer: {short(error)}", is_down=True) from error

    async def read_balance(self) -> float:
        """What our account has, in USD. Raises RefusedError (the key is not good for it) or BusyError (no usable answer)."""
        try:
            with _timed("balance"):
                url = f"{self._base_url}/balance"
                async with self._http.get(url, timeout=self._read_timeout, allow_redirects=False) as response:
                    if _is_refusal(response.status):
                        raise RefusedError(f"HTTP {response.status}", status=response.status)
                    return read_usd(_data_of(await read_json(response)))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise BusyError(f"no answer: {short(error)}", is_down=True) from error

    async def list_history(self, model: str, *, after: datetime, before: datetime) -> list[PastTask]:
        """A model's tasks created between two moments, the newest first. Raises BusyError when the history cannot be had.

        At most HISTORY_PAGES_MAX pages: of more tasks than that the oldest are missing.
        """
        tasks: list[PastTask] = []
        for number in range(1, HISTORY_PAGES_MAX + 1):
            try:
                page = read_page(await self._ask("predictions", search_body(model, after=after, before=before, page=number)))
            except ValueError as error:
                raise BusyError(f"the history is unreadable: {short(error)}", is_down=False) from error
            tasks += page.tasks
            if page.is_last:
                break
        return tasks

    async def list_costs(self, task_ids: list[str], *, after: datetime, before: datetime) -> dict[str, Decimal]:
        """What these tasks cost in USD, refunds taken off, of those that were billed between two moments. Raises BusyError."""
        costs: dict[str, Decimal] = {}
        for number in range(1, HISTORY_PAGES_MAX + 1):
            question = bills_body(task_ids, after=after, before=before, page=number)
            try:
                bills, is_last = read_bills(await self._ask("billings/search", question))
            except ValueError as error:
                raise BusyError(f"the bills are unreadable: {short(error)}", is_down=False) from error
            for task_id, cost in bills.items():
                costs[task_id] = costs.get(task_id, Decimal(0)) + cost
            if is_last:
                break
        return costs

    async def price_of(self, path: str, body: Mapping[str, Any]) -> Decimal:
        """What a run with this body is charged in USD. Raises BusyError when the provider does not say."""
        try:
            return read_price(await self._ask("model/price", {"model_id": path, "inputs": dict(body)}))
        except ValueError as error:
            raise BusyError(f"the price is unreadable: {short(error)}", is_down=False) from error

    async def _ask(self, path: str, question: Mapping[str, Any]) -> object:
        """A POST that only reads; the answer's data. Raises BusyError, or ValueError when it is no success envelope."""
        try:
            with _timed(path.rpartition("/")[2]):
                async with self._http.post(
                    f"{self._base_url}/{path}", json=dict(question), timeout=self._read_timeout, allow_redirects=False
                ) as response:
                    if response.status not in _OK:
                        raise BusyError(f"HTTP {response.status}", is_down=False, retry_after_s=retry_after_s(response))
                    return _data_of(await read_json(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BusyError(f"no answer: {short(error)}", is_down=False) from error

    def _submit_url(self, order: Order) -> URL:
        # Already encoded, because the provider's documentation wants all of the webhook's address percent-encoded.
        query = f"?webhook={quote(order.webhook_url, safe='')}" if order.webhook_url else ""
        return URL(f"{self._base_url}/{order.path}{query}", encoded=True)


@contextmanager
def _timed(operation: str) -> Iterator[None]:
    started_s, outcome = clock.monotonic_s(), "ok"
    try:
        yield
    except Exception as error:
        # By what is known of the task; whatever else happened on the way is a lost answer.
        outcome = type(error).__name__ if isinstance(error, ProviderError) else "lost"
        raise
    finally:
        PROVIDER_SECONDS.labels(operation=operation, outcome=outcome).observe(clock.monotonic_s() - started_s)


async def _read_submit(response: aiohttp.ClientResponse) -> Task:
    try:
        body = await read_json(response)
        code, message, data = read_envelope(body)
    except ValueError as error:
        if _is_refusal(response.status):
            # A definite refusal needs no envelope (base64 with a webhook answers {"error": …}).
            raise RefusedError(f"HTTP {response.status}", status=response.status) from error
        if response.status == _TOO_MANY:
            raise _busy(response, f"HTTP {response.status}") from error
        raise UnknownError(f"HTTP {response.status} with an unreadable body", status=response.status) from error
    status = code if response.status in _OK and not is_ok(code) else response.status
    if status == _TOO_MANY:
        raise _busy(response, message)
    if (_is_refusal(status) or status == OUT_OF_CREDIT_CODE) and is_out_of_credit(code, message):
        raise BusyError(f"{status}: {message}", is_down=False, is_out_of_credit=True)
    if _is_refusal(status):
        raise RefusedError(f"{status}: {message}", status=status)
    if status not in _OK:
        raise UnknownError(f"{status}: {message}", status=status)
    try:
        task = read_task(data)
    except ValueError as error:
        raise UnknownError(f"HTTP {response.status}: {error}") from error
    if task.is_out_of_credit:
        # A task in name only: it never ran, and it never will.
        raise BusyError(f"task {task.id} failed with {task.code}: {task.error}", is_down=False, is_out_of_credit=True)
    return task


def _is_refusal(status: int) -> bool:
    # 408 and 425 may come from a proxy that had passed the request on.
    return _BAD_REQUEST <= status < _SERVER_ERROR and status not in {408, 425, _TOO_MANY}


def _busy(response: aiohttp.ClientResponse, reason: str) -> BusyError:
    return BusyError(f"429: {reason}", is_down=False, retry_after_s=retry_after_s(response))


def _task_of(body: object) -> Task:
    return read_task(_data_of(body))


def _data_of(body: object) -> object:
    code, message, data = read_envelope(body)
    if not is_ok(code):
        msg = f"{code}: {message}"
        raise ValueError(msg)
    return data
