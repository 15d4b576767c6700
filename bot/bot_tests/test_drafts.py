"""A draft offers what the models have, and becomes the same order however often it is sent."""

from typing import Any

from bot.api.wire import CatalogueItem, Preferences
from bot.drafts import Draft, Reference


def an_item(number: int, *, most: int = 10, images: bool = True, **options: list[str]) -> CatalogueItem:
    values: dict[str, Any] = {"size_options": [], "aspect_ratio_options": [], "resolution_options": [], **options}
    model = {
        "id": number,
        "key": f"m{number}",
        "name": f"M{number}",
        "supports_text_to_image": True,
        "supports_image_to_image": images,
        "options": values | {"max_reference_images": most},
    }
    return CatalogueItem.model_validate({"model": model, "prices": [{"unit_price": number, "is_active": True}]})


def references(count: int) -> list[Reference]:
    return [Reference(url=f"https://x/{each}", file_id=str(each)) for each in range(count)]


class TestDraft:
    def test_begins_with_what_somebody_prefers(self) -> None:
        draft = Draft(prompt="x").starting_from(Preferences(language="uz", model_id=2, size="1024*1024"))
        assert (draft.model_id, draft.size, draft.prompt) == (2, "1024*1024", "x")

    def test_keeps_the_price_of_its_model(self) -> None:
        assert Draft(prompt="x", model_id=2).fitted([an_item(1), an_item(2)]).price == 2

    def test_takes_another_model_when_its_own_is_not_on_sale(self) -> None:
        assert Draft(prompt="x", model_id=9).fitted([an_item(1), an_item(2)]).model_id == 1

    def test_takes_a_model_that_can_draw_from_so_many_pictures(self) -> None:
        items = [an_item(1, images=False), an_item(2, most=2), an_item(3)]
        assert Draft(prompt="x", model_id=1, references=references(3)).fitted(items).model_id == 3

    def test_drops_options_that_the_model_does_not_have(self) -> None:
        draft = Draft(prompt="x", model_id=1, size="1024*1024", resolution="4k")
        fitted = draft.fitted([an_item(1, size_options=["1024*1024"])])
        assert (fitted.size, fitted.resolution) == ("1024*1024", None)

    def test_is_the_same_order_each_time(self) -> None:
        draft = Draft(prompt="x", model_id=1, price=3, references=references(2))
        order = draft.as_order(7, {"chat_id": 7})
        assert order == draft.as_order(7, {"chat_id": 7})
        assert order["max_price"] == 3
        assert order["reference_urls"] == ["https://x/0", "https://x/1"]
        assert order["reference_file_ids"] == ["0", "1"]
