"""Who it is: `person` for every handler, known to the API before the handler runs."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware
from aiogram.types import CallbackQuery, Message, PreCheckoutQuery, TelegramObject
from typing_extensions import override

from bot.api.errors import ApiError
from bot.shop import Shop


class WhoIsIt(BaseMiddleware):
    """Meets whoever wrote or tapped. An error of the API is the error of the update."""

    @override
    async def __call__(
        self, handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject, data: dict[str, Any]
    ) -> Any:
        if not isinstance(event, Message | CallbackQuery | PreCheckoutQuery) or event.from_user is None:
            return None
        shop: Shop = data["shop"]
        try:
            person = await shop.people.meet(event.from_user)
        except ApiError:
            if not _is_owed_an_answer(event):
                raise
            person = shop.people.stranger(event.from_user)
        return await handler(event, data | {"person": person})


def _is_owed_an_answer(event: Message | CallbackQuery | PreCheckoutQuery) -> bool:
    """Money that came is taken over and answered for, also when its sender is banned or the API away."""
    if not isinstance(event, Message):
        return isinstance(event, PreCheckoutQuery)
    is_payment = bool(event.successful_payment or event.refunded_payment)
    return is_payment or (event.text or "").startswith(("/paysupport", "/terms"))
