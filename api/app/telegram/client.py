"""Telegram's Bot API over HTTP, as far as money needs it: the bot's Star transactions, and giving Stars back.

Every failure says what is known (errors.py). Nothing is repeated here. Reasons name the method and the kind of failure only, and
carry no cause: the address holds the bot's token, and the HTTP library's messages may hold the address.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from app.core.json_answers import read_json
from app.telegram.errors import BusyError, RefusedError, UnknownError
from app.telegram.stars import PAGE_SIZE, StarTransaction, read_transactions

CONNECT_TIMEOUT_S = 10.0
TIMEOUT_S = 30.0
REASON_CHARS_MAX = 300

_ALREADY_REFUNDED = "CHARGE_ALREADY_REFUNDED"
_TOO_MANY = 429
_REFUSALS = range(400, 500)


class TelegramClient:
    """One connection pool to the Bot API for one bot."""

    def __init__(self, base_url: str, token: str) -> None:
        self.bot_id = int(token.partition(":")[0])
        self._base_url = f"{base_url}/bot{token}"
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=10),
            headers={"User-Agent": "rassom"},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.close()

    async def list_star_transactions(self, *, offset: int) -> list[StarTransaction]:
        """A page of the bot's Star transactions, the oldest first, after the first `offset` ones. Raises TelegramError.

        A page that is shorter than PAGE_SIZE is the last one.
        """
        answer = await self._ask("getStarTransactions", {"offset": offset, "limit": PAGE_SIZE})
        try:
            return read_transactions(answer)
        except ValueError as error:
            raise UnknownError(f"getStarTransactions: {error}") from error

    async def refund_star_payment(self, telegram_id: int, charge_id: str) -> None:
        """Give the Stars of a payment back; one that was given back before counts as done.

        Raises RefusedError, BusyError or UnknownError; see there what each says of the Stars.
        """
        try:
            done = await self._ask("refundStarPayment", {"user_id": telegram_id, "telegram_payment_charge_id": charge_id})
        except RefusedError as refusal:
            if _ALREADY_REFUNDED in refusal.reason:
                return
            raise
        if done is not True:
            raise UnknownError("refundStarPayment: neither done nor refused")

    async def _ask(self, method: str, question: Mapping[str, Any]) -> object:
        try:
            async with self._http.post(f"{self._base_url}/{method}", json=dict(question), allow_redirects=False) as response:
                return _result_of(method, response.status, await read_json(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise BusyError(f"{method}: no connection ({type(error).__name__})") from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UnknownError(f"{method}: the answer was lost ({type(error).__name__})") from None


def _result_of(method: str, status: int, answer: object) -> object:
    """The result of an answer. Raises RefusedError, BusyError, or UnknownError when it is no answer of the Bot API."""
    told = answer if isinstance(answer, dict) else {}
    if told.get("ok") is True and "result" in told:
        return told["result"]
    code, description = told.get("error_code"), told.get("description")
    if told.get("ok") is not False or not isinstance(code, int) or not isinstance(description, str):
        raise UnknownError(f"{method}: HTTP {status} without an answer")
    reason = f"{method}: {code} {description}"[:REASON_CHARS_MAX]
    if code == _TOO_MANY:
        raise BusyError(reason)
    if code in _REFUSALS:
        raise RefusedError(reason, is_about_charge="CHARGE_" in description)
    raise UnknownError(reason)
