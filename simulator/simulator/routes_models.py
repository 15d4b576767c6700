"""The catalogue and its prices (protocol 6)."""

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response

from simulator import catalogue, schema
from simulator.answers import ApiError, json_object, success, unknown_model
from simulator.catalogue import MODELS, Model
from simulator.program import Simulator


async def list_models(_: Request, simulator: Simulator) -> Response:
    """`GET /api/v3/models`: a bare array in the envelope."""
    url = simulator.state.url
    return success([catalogue.entry(model, url, place) for place, model in enumerate(MODELS.values(), 1)])


async def read_model(request: Request, simulator: Simulator) -> Response:
    """`GET /api/v3/models/{id}`: one entry; only third parties call it (protocol 6)."""
    model = _model(request.path_params["model_id"])
    return success(catalogue.entry(model, simulator.state.url, list(MODELS).index(model.model_id) + 1))


def _model(model_id: object) -> Model:
    model = MODELS.get(str(model_id))
    if model is None:
        raise unknown_model(str(model_id))
    return model


async def price(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/model/price`: list price and what is charged. Bad values are refused, unknown keys are not."""
    model, amount = await _priced(request)
    behaviour = simulator.state.behaviour
    return success(
        {
            "model_id": model.model_id,
            "price": float(amount),
            "discounted_price": float(catalogue.charged(amount, behaviour)),
            "discount_rate": behaviour.discount_rate,
            "currency": "USD",
        }
    )


async def pricing(request: Request, _: Simulator) -> Response:
    """`POST /api/v3/model/pricing`: the legacy form."""
    model, amount = await _priced(request)
    return success({"model_id": model.model_id, "unit_price": float(amount), "currency": "USD"})


async def _priced(request: Request) -> tuple[Model, Decimal]:
    body = await json_object(request)
    model = _model(body.get("model_id"))
    inputs = body.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise ApiError(400, 'field "inputs" must be an object; please use an object')
    try:
        schema.check(model.request_schema | {"required": []}, inputs, rejects_unknown=False)
    except schema.SchemaError as error:
        raise ApiError(400, str(error)) from error
    return model, model.price(inputs)
