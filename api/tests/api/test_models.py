"""What is on sale, as existing clients read it."""

from typing import Any

from app.core.model_options import ASPECT_RATIOS, SIZES
from tests.factories import Shop

MODEL_FIELDS = {
    "id", "key", "name", "provider", "supports_text_to_image", "supports_image_to_image", "supports_reference",
    "supports_aspect_ratio", "supports_style", "is_active", "created_at", "options",
}  # fmt: skip
OPTION_FIELDS = {
    "supports_size", "supports_aspect_ratio", "supports_resolution", "size_options", "aspect_ratio_options",
    "resolution_options", "max_reference_images",
}  # fmt: skip
PRICE_FIELDS = {"id", "model_id", "currency", "unit_price", "is_active", "created_at"}


async def models(shop: Shop) -> dict[str, dict[str, Any]]:
    answer = await shop.http.get("/models", headers={"Authorization": ""})
    assert answer.status_code == 200
    return {item["model"]["key"]: item for item in answer.json()}


class TestModels:
    async def test_have_the_fields_that_clients_know(self, shop: Shop) -> None:
        for item in (await models(shop)).values():
            assert set(item) == {"model", "prices"}
            assert set(item["model"]) >= MODEL_FIELDS
            assert set(item["model"]["options"]) >= OPTION_FIELDS
            assert [set(price) >= PRICE_FIELDS for price in item["prices"]] == [True]

    async def test_are_the_three_of_the_specification_in_their_order(self, shop: Shop) -> None:
        items = await models(shop)

        assert [(key, item["model"]["id"], item["model"]["provider"]) for key, item in items.items()] == [
            ("seedream-v4", 1, "wavespeed"),
            ("nano-banana", 2, "wavespeed"),
            ("nano-banana-pro", 3, "wavespeed"),
        ]

    async def test_cost_one_credit_each(self, shop: Shop) -> None:
        for item in (await models(shop)).values():
            (price,) = item["prices"]
            assert (price["currency"], price["unit_price"], price["is_active"]) == ("credit", 1, True)
            assert price["model_id"] == item["model"]["id"]

    async def test_say_which_parameters_they_take(self, shop: Shop) -> None:
        options = {key: item["model"]["options"] for key, item in (await models(shop)).items()}

        none = [False, []]
        sizes, ratios = [True, list(SIZES)], [True, list(ASPECT_RATIOS)]
        seen = {
            key: [[found[f"supports_{name}"], found[f"{name}_options"]] for name in ("size", "aspect_ratio", "resolution")]
            for key, found in options.items()
        }
        assert seen == {
            "seedream-v4": [sizes, none, none],
            "nano-banana": [none, ratios, none],
            "nano-banana-pro": [none, ratios, [True, ["1k", "2k", "4k"]]],
        }
        assert [found["max_reference_images"] for found in options.values()] == [10, 10, 14]

    async def test_all_make_pictures_from_text_and_from_pictures(self, shop: Shop) -> None:
        for item in (await models(shop)).values():
            model = item["model"]
            assert [model[f"supports_{name}"] for name in ("text_to_image", "image_to_image", "reference")] == [True, True, True]
            assert model["supports_style"] is False
            assert model["supports_aspect_ratio"] == model["options"]["supports_aspect_ratio"]


class TestSizes:
    async def test_are_texts_within_what_the_provider_takes_the_default_first(self, shop: Shop) -> None:
        answer = await shop.http.get("/sizes", headers={"Authorization": ""})

        sizes = answer.json()
        sides = [int(side) for size in sizes for side in size.split("*")]
        assert sizes[0] == "2048*2048"
        assert len(set(sizes)) == len(sizes)
        assert min(sides) >= 1024
        assert max(sides) <= 4096

    async def test_are_those_of_seedream(self, shop: Shop) -> None:
        sizes = (await shop.http.get("/sizes")).json()

        assert (await models(shop))["seedream-v4"]["model"]["options"]["size_options"] == sizes
