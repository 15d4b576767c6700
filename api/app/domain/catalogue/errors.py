"""What can go wrong between a wish and the catalogue."""

from app.core.errors import RassomError


class ModelNotFoundError(RassomError):
    """No active model of that id."""

    code = "model_not_found"
    status = 404
    title = "There is no such model"

    def __init__(self, model: int | str) -> None:
        super().__init__(f"There is no model {model} on sale; GET /api/v1/models lists them.")


class UnsupportedParameterError(RassomError):
    """The model does not take this parameter, or not this value; nothing was held."""

    code = "unsupported_parameter"
    status = 422
    title = "The model does not take this parameter"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail, errors=[{"field": field, "message": detail}])


class PriceChangedError(RassomError):
    """The price is above the client's `max_price`; nothing was held."""

    code = "price_changed"
    status = 409
    title = "The price has changed"

    def __init__(self, *, price: int, price_max: int) -> None:
        super().__init__(f"This costs {price} credits now, above the max_price of {price_max}.", price=price)
