"""Every update has a request id that is on the log lines, on the calls it causes at the API, and in what its user is told."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.types import TelegramObject, Update
from typing_extensions import override


def request_id_of(update: Update) -> str:
    """The same for the same update, also when it comes again."""
    return f"tg-{update.update_id}"


class RequestId(BaseMiddleware):
    """Binds it for everything that is logged and called meanwhile."""

    @override
    async def __call__(
        self, handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject, data: dict[str, Any]
    ) -> Any:
        if not isinstance(event, Update):
            return await handler(event, data)
        with structlog.contextvars.bound_contextvars(request_id=request_id_of(event)):
            return await handler(event, data | {"request_id": request_id_of(event)})
