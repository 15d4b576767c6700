"""Whether a model takes what was asked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model_options import ASPECT_RATIOS, MODEL_OPTIONS, SIDE_MAX_PX, SIDE_MIN_PX, SIZES
from app.domain.catalogue.errors import PriceChangedError, UnsupportedParameterError
from app.domain.catalogue.rules import check_options, check_price


def check(model_key: str, **asked: Any) -> None:
    nothing: dict[str, Any] = {"size": None, "aspect_ratio": None, "resolution": None, "reference_count": 0}
    check_options(model_key, MODEL_OPTIONS[model_key], **(nothing | asked))


def refused_field(model_key: str, **asked: Any) -> str:
    with pytest.raises(UnsupportedParameterError) as refused:
        check(model_key, **asked)
    (error,) = refused.value.members["errors"]
    assert model_key in error["message"] or "1024" in error["message"]
    return str(error["field"])


class TestCheckOptions:
    @pytest.mark.parametrize("model_key", MODEL_OPTIONS)
    def test_takes_nothing_at_all(self, model_key: str) -> None:
        check(model_key)

    @pytest.mark.parametrize("model_key", MODEL_OPTIONS)
    def test_takes_every_value_that_it_offers(self, model_key: str) -> None:
        options = MODEL_OPTIONS[model_key]
        for size in options.size_options:
            check(model_key, size=size)
        for ratio in options.aspect_ratio_options:
            for resolution in (None, *options.resolution_options):
                check(model_key, aspect_ratio=ratio, resolution=resolution)

    @given(st.integers(0, 9999), st.integers(0, 9999))
    def test_takes_a_size_exactly_within_the_bounds(self, width: int, height: int) -> None:
        size = f"{width}*{height}"
        if SIDE_MIN_PX <= width <= SIDE_MAX_PX and SIDE_MIN_PX <= height <= SIDE_MAX_PX:
            check("seedream-v4", size=size)
        else:
            assert refused_field("seedream-v4", size=size) == "size"

    @given(st.text(max_size=20).filter(lambda text: "*" not in text or not text.replace("*", "").isdigit()))
    def test_takes_no_other_text_for_a_size(self, text: str) -> None:
        assert refused_field("seedream-v4", size=text) == "size"

    @given(st.text(max_size=20).filter(lambda text: text not in ASPECT_RATIOS))
    def test_takes_no_other_text_for_an_aspect_ratio(self, text: str) -> None:
        assert refused_field("nano-banana", aspect_ratio=text) == "aspect_ratio"

    @pytest.mark.parametrize(("model_key", "most"), [("seedream-v4", 10), ("nano-banana", 10), ("nano-banana-pro", 14)])
    def test_takes_so_many_pictures_and_not_one_more(self, model_key: str, most: int) -> None:
        check(model_key, reference_count=most)

        assert refused_field(model_key, reference_count=most + 1) == "reference_urls"

    def test_says_what_it_would_take(self) -> None:
        with pytest.raises(UnsupportedParameterError, match="1k, 2k, 4k"):
            check("nano-banana-pro", resolution="8k")


class TestCheckPrice:
    @pytest.mark.parametrize(("price", "price_max"), [(1, None), (1, 1), (1, 5), (10**12, None)])
    def test_takes_what_is_not_above_the_limit(self, price: int, price_max: int | None) -> None:
        check_price(price=price, price_max=price_max)

    @pytest.mark.parametrize(("price", "price_max"), [(1, 0), (5, 4)])
    def test_refuses_what_is_above_and_names_the_price(self, price: int, price_max: int) -> None:
        with pytest.raises(PriceChangedError) as refused:
            check_price(price=price, price_max=price_max)

        assert refused.value.members == {"price": price}


class TestOptions:
    def test_are_within_what_the_provider_documents(self) -> None:
        assert ASPECT_RATIOS == ("1:1", "3:2", "2:3", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
        assert {"1024*1024", "2048*2048", "4096*4096"} <= set(SIZES)
        assert MODEL_OPTIONS["nano-banana-pro"].resolution_options == ("1k", "2k", "4k")
