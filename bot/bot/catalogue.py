"""What is on sale, remembered for a minute."""

import time

from bot.api import pictures
from bot.api.client import ApiClient
from bot.api.wire import CatalogueItem

REMEMBERED_S = 60.0


class Catalogue:
    """The models on sale."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._since_s = float("-inf")
        self._items: list[CatalogueItem] = []

    async def items(self) -> list[CatalogueItem]:
        """All of them, in their order. Raises ApiError."""
        if time.monotonic() - self._since_s > REMEMBERED_S:
            self._items = [item for item in await pictures.models(self._api) if any(price.is_active for price in item.prices)]
            self._since_s = time.monotonic()
        return self._items

    async def find(self, model_id: int | None) -> CatalogueItem | None:
        """One of them; None when it is not on sale (any more). Raises ApiError."""
        return next((item for item in await self.items() if item.model.id == model_id), None)

    async def name(self, model_key: str) -> str:
        """A model's name, or its key when it is not on sale any more. Raises ApiError."""
        return next((item.model.name for item in await self.items() if item.model.key == model_key), model_key)

    def forget(self) -> None:
        """Ask again: a price has changed."""
        self._since_s = float("-inf")

    async def price(self, model_id: int) -> int | None:
        """What a picture of this model costs now; None when it is not on sale. Raises ApiError."""
        item = await self.find(model_id)
        return item.price if item else None
