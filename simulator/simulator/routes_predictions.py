"""Submitting a prediction, holding it in sync mode, and reading it (protocol 2)."""

from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from simulator import catalogue, clock, plan, schema
from simulator.addresses import is_web_address
from simulator.answers import (
    BASE64_WITH_WEBHOOK,
    GATEWAY_TIMEOUT_PAGE,
    INSUFFICIENT_CREDITS,
    PREDICTION_NOT_FOUND,
    ApiError,
    ConnectionCut,
    json_object,
    success,
    unknown_model,
)
from simulator.catalogue import MODELS, Model
from simulator.fault_book import FaultError, Moment, markers_in
from simulator.faulty_answers import moment_of, struck
from simulator.predictions import Prediction, fingerprint, new_id
from simulator.program import Simulator


async def submit(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/{model}`: check in the order 404, 400 schema, 400 credit, 429; accept; answer or hold (protocol 2.1).

    The wrong answers of faults come before the checks (no task) or right after accepting (the task runs on).
    """
    model_id = request.path_params["model_id"]
    model = MODELS.get(model_id)
    if model is None:
        raise unknown_model(model_id)
    body = await json_object(request)
    moment = _moment(request, model, body)
    wrong = await struck(simulator, "submit_before", moment)
    if wrong is not None:
        return wrong
    inputs = _checked(simulator, model, body)
    webhook = request.query_params.get("webhook")
    if webhook is not None and inputs["enable_base64_output"]:
        return JSONResponse({"error": BASE64_WITH_WEBHOOK}, 400)
    prediction = _accept(simulator, model, inputs, _webhook_url(webhook), moment)
    request.state.prediction_id = prediction.id
    wrong = await struck(simulator, "submit_after", moment)
    if wrong is not None:
        return wrong
    if inputs["enable_sync_mode"]:
        return await _held(simulator, prediction, moment)
    return success(await _fresh(simulator, prediction))


def _moment(request: Request, model: Model, body: dict[str, Any]) -> Moment:
    prompt = body.get("prompt")
    prompt = prompt if isinstance(prompt, str) else ""
    try:
        markers_in(prompt)
    except FaultError as error:
        raise ApiError(400, str(error)) from error
    return moment_of(request, model.model_id, prompt, key=fingerprint(model.model_id, body))


def _checked(simulator: Simulator, model: Model, body: dict[str, Any]) -> dict[str, Any]:
    rejects_unknown = simulator.state.behaviour.unknown_keys == "reject"
    try:
        return schema.check(model.request_schema, body, rejects_unknown=rejects_unknown)
    except schema.SchemaError as error:
        raise ApiError(400, str(error)) from error


def _webhook_url(webhook: str | None) -> str | None:
    """The docs ask for https (protocol 2.1); plain http is let through because receivers here are local."""
    if webhook is None:
        return None
    if not is_web_address(webhook):
        raise ApiError(400, "webhook must be a valid URL")
    return webhook


def _accept(simulator: Simulator, model: Model, inputs: dict[str, Any], webhook: str | None, moment: Moment) -> Prediction:
    state = simulator.state
    price: Decimal = catalogue.charged(model.price(inputs), state.behaviour)
    if price > state.balance:
        raise ApiError(400, INSUFFICIENT_CREDITS)
    simulator.lifecycle.refuse_over_limit()
    prediction = Prediction(new_id(), model.model_id, inputs, price, clock.now_ns(), state.behaviour.delay_s, webhook)
    plan.apply(prediction, state.faults.all("task", moment))
    state.accept(prediction)
    simulator.lifecycle.accept(prediction)
    if "submit_answers_failed" in prediction.traits:
        simulator.lifecycle.end_now(prediction)
    return prediction


async def _fresh(simulator: Simulator, prediction: Prediction) -> dict[str, Any]:
    """Return the submit answer: `created`, whatever the task has done meanwhile (protocol 2.1)."""
    shown = await simulator.shown(prediction)
    if "submit_answers_failed" in prediction.traits:
        return shown
    shown |= {"status": "created", "outputs": [], "error": ""}
    shown.pop("timings", None)
    if "old_submit_shape" in prediction.traits:
        shown |= {"status": "processing", "urls": {"get": shown["urls"]["get"].removesuffix("/result")}}
    return shown


async def _held(simulator: Simulator, prediction: Prediction, moment: Moment) -> Response:
    """Hold the request until the task ends or the sync window is over (protocol 2.5)."""
    behaviour = simulator.state.behaviour
    window_s, mode = behaviour.sync_window_s, behaviour.sync_timeout_mode
    hit = simulator.state.faults.first("sync", moment)
    if hit is not None:
        window_s, mode = float(hit.params["seconds"]), hit.answer
    has_ended = await simulator.lifecycle.wait_for_end(prediction, window_s)
    if has_ended:
        return success(await simulator.shown(prediction))
    if simulator.state.closing.is_set():
        raise ConnectionCut
    if mode == "504":
        return HTMLResponse(GATEWAY_TIMEOUT_PAGE, 504)
    return success(
        {
            "id": prediction.id,
            "status": "processing",
            "code": 5004,
            "error": f"Sync mode timed out after {behaviour.sync_window_s:g} seconds. "
            "The prediction is still processing asynchronously.",
            "urls": (await simulator.shown(prediction))["urls"],
        }
    )


async def read(request: Request, simulator: Simulator) -> Response:
    """`GET /api/v3/predictions/{id}` and `…/{id}/result`, the same answer (protocol 2.2)."""
    prediction_id = request.path_params["prediction_id"]
    known = simulator.state.predictions.get(prediction_id)
    model, prompt = (known.model, known.prompt) if known else ("", "")
    request.state.prediction_id = prediction_id
    wrong = await struck(simulator, "poll", moment_of(request, model, prompt, prediction_id, prediction_id))
    if wrong is not None:
        return wrong
    prediction = simulator.state.find(prediction_id)
    if prediction is None:
        raise ApiError(404, PREDICTION_NOT_FOUND)
    prediction.reads += 1
    return success(await simulator.shown(prediction))
