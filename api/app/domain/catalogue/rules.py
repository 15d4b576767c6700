"""Whether a model takes what was asked, and what that costs. Pure."""

import re

from app.core.model_options import SIDE_MAX_PX, SIDE_MIN_PX, ModelOptions
from app.domain.catalogue.errors import PriceChangedError, UnsupportedParameterError

_SIZE = re.compile(r"([1-9][0-9]{2,4})\*([1-9][0-9]{2,4})", re.ASCII)


def check_options(
    model_key: str,
    options: ModelOptions,
    *,
    size: str | None,
    aspect_ratio: str | None,
    resolution: str | None,
    reference_count: int,
) -> None:
    """Raise UnsupportedParameterError, naming the field, unless the model takes all of this."""
    _check_size(model_key, options, size)
    _check_choice("aspect_ratio", model_key, options.aspect_ratio_options, aspect_ratio)
    _check_choice("resolution", model_key, options.resolution_options, resolution)
    if reference_count > options.reference_images_max:
        detail = f"{model_key} takes at most {options.reference_images_max} reference images; {reference_count} were sent."
        raise UnsupportedParameterError("reference_urls", detail)


def check_price(*, price: int, price_max: int | None) -> None:
    """Raise PriceChangedError when the client has named a highest price and this is above it."""
    if price_max is not None and price > price_max:
        raise PriceChangedError(price=price, price_max=price_max)


def _check_size(model_key: str, options: ModelOptions, size: str | None) -> None:
    if size is None:
        return
    if not options.size_options:
        raise UnsupportedParameterError("size", f"{model_key} does not take size.")
    match = _SIZE.fullmatch(size)
    if match is None or not all(SIDE_MIN_PX <= int(side) <= SIDE_MAX_PX for side in match.groups()):
        detail = f"size is W*H in pixels, each side {SIDE_MIN_PX} to {SIDE_MAX_PX}, such as 2048*2048."
        raise UnsupportedParameterError("size", detail)


def _check_choice(field: str, model_key: str, choices: tuple[str, ...], value: str | None) -> None:
    if value is None:
        return
    if not choices:
        raise UnsupportedParameterError(field, f"{model_key} does not take {field}.")
    if value not in choices:
        raise UnsupportedParameterError(field, f"{field} of {model_key} is one of {', '.join(choices)}.")
