"""A picture that somebody is about to order, and the order that it becomes."""

from typing import Any, Self

from aiogram.fsm.context import FSMContext
from pydantic import BaseModel

from bot.api.wire import CatalogueItem, Generation, ModelOptions, Preferences

PARAMETERS = ("size", "aspect_ratio", "resolution")
REFERENCES_MAX = 10
PROMPT_MAX = 4000
_DRAFT = "draft"


class Reference(BaseModel):
    """A picture to draw from: where it was uploaded to, and its id in Telegram."""

    url: str
    file_id: str


class Draft(BaseModel):
    """What has been chosen so far. `price` is what the button says; a menu is one message, and an order's key is made of it."""

    prompt: str | None = None
    prompt_message_id: int | None = None
    references: list[Reference] = []
    model_id: int | None = None
    size: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    menu_message_id: int | None = None
    price: int | None = None
    is_free: bool = False

    @classmethod
    async def load(cls, state: FSMContext) -> Self | None:
        """The draft of this conversation, if there is one."""
        kept = (await state.get_data()).get(_DRAFT)
        return cls.model_validate(kept) if kept else None

    async def save(self, state: FSMContext) -> None:
        """Keep it in this conversation."""
        await state.update_data({_DRAFT: self.model_dump()})

    @staticmethod
    async def drop(state: FSMContext) -> None:
        """Forget it."""
        await state.clear()

    def starting_from(self, preferences: Preferences) -> Self:
        """With the model and options that somebody prefers."""
        return self.model_copy(update=preferences.model_dump(exclude={"language"}))

    def fitted(self, items: list[CatalogueItem]) -> Self:
        """With a model that is on sale and can do this, and only options that it has."""
        fitting = [item for item in items if can_draw(item, len(self.references))] or items
        chosen = next((item for item in fitting if item.model.id == self.model_id), fitting[0])
        options = chosen.model.options
        kept = {name: getattr(self, name) if getattr(self, name) in choices(options, name) else None for name in PARAMETERS}
        return self.model_copy(update=kept | {"model_id": chosen.model.id, "price": chosen.price})

    def as_order(self, telegram_id: int, context: dict[str, Any]) -> dict[str, Any]:
        """The body of its submit; the same for the same draft, so that it may be sent again."""
        return {
            "telegram_id": telegram_id,
            "model_id": self.model_id,
            "prompt": self.prompt,
            **{name: getattr(self, name) for name in PARAMETERS},
            "reference_urls": [reference.url for reference in self.references],
            "reference_file_ids": [reference.file_id for reference in self.references],
            "max_price": self.price,
            "client_context": context,
        }


def can_draw(item: CatalogueItem, references: int) -> bool:
    """Whether a model can draw from so many pictures, or from none."""
    if references == 0:
        return item.model.supports_text_to_image
    return item.model.supports_image_to_image and references <= item.model.options.max_reference_images


def choices(options: ModelOptions, parameter: str) -> list[str]:
    """The values of a parameter, as the API tells them."""
    found: list[str] = getattr(options, f"{parameter}_options")
    return found


def references_of(generation: Generation) -> list[Reference]:
    """The pictures that a generation was drawn from."""
    urls = generation.input_params.get("reference_urls") or []
    file_ids = generation.input_params.get("reference_file_ids") or []
    return [Reference(url=url, file_id=file_id) for url, file_id in zip(urls, file_ids, strict=False)]
