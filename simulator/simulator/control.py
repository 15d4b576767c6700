"""The control API under /sim, for this machine only: look at what happened, change the behaviour, switch faults."""

import ipaddress
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator import clock
from simulator.answers import ApiError, json_object
from simulator.fault_book import Fault, FaultError, fault_from_json
from simulator.faults import KINDS
from simulator.predictions import Prediction
from simulator.program import Simulator
from simulator.settings import Behaviour, BehaviourError


def refused_from_afar(request: Request) -> Response | None:
    """Return the 403 for a caller on another machine: the control API asks for no key."""
    host = request.client.host if request.client else ""
    try:
        is_near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_near = False
    if is_near:
        return None
    return JSONResponse({"error": "the control API answers loopback callers only"}, 403)


async def read_log(request: Request, simulator: Simulator) -> Response:
    """`GET /sim/log?path=&method=`: requests received, oldest first."""
    query = request.query_params
    entries = simulator.state.log.entries(query.get("path", ""), query.get("method", ""))
    return JSONResponse({"count": len(entries), "requests": entries})


async def clear_log(_: Request, simulator: Simulator) -> Response:
    """`DELETE /sim/log`."""
    return JSONResponse({"cleared": simulator.state.log.clear()})


async def list_predictions(request: Request, simulator: Simulator) -> Response:
    """`GET /sim/predictions?prompt=`: all of them, oldest first, deleted ones too."""
    prompt = request.query_params.get("prompt", "")
    found = [_prediction(entry, simulator) for entry in simulator.state.predictions.values() if prompt in entry.prompt]
    return JSONResponse({"count": len(found), "predictions": found})


async def forget_predictions(_: Request, simulator: Simulator) -> Response:
    """`DELETE /sim/predictions`: the API knows none of them any more, as of an account that was never used; they run on."""
    known = [entry for entry in simulator.state.predictions.values() if not entry.is_deleted]
    for prediction in known:
        simulator.state.mark_deleted(prediction)
    return JSONResponse({"forgotten": len(known)})


def _prediction(prediction: Prediction, simulator: Simulator) -> dict[str, Any]:
    kept = prediction.to_json()
    return {
        "id": prediction.id,
        "model": prediction.model,
        "status": prediction.status,
        "input": prediction.inputs,
        "price": float(prediction.price),
        "created_at": clock.rfc3339(prediction.created_ns),
        "finished_at": clock.rfc3339(prediction.finished_ns) if prediction.finished_ns else None,
        "submitted": simulator.state.submits[prediction.fingerprint],
        "reads": prediction.reads,
        "webhook": prediction.webhook,
        "deliveries": prediction.deliveries,
        "is_deleted": prediction.is_deleted,
        "outcome": kept["outcome"],
        "traits": prediction.traits,
    }


def _config(simulator: Simulator) -> Response:
    return JSONResponse(asdict(simulator.state.behaviour) | {"balance": float(simulator.state.balance)})


async def read_config(_: Request, simulator: Simulator) -> Response:
    """`GET /sim/config`."""
    return _config(simulator)


async def change_config(request: Request, simulator: Simulator) -> Response:
    """`PUT /sim/config`: changes the named settings, leaves the others; 400 says what is wrong."""
    changes = await json_object(request)
    usd = changes.pop("balance", None)
    if usd is not None and (isinstance(usd, bool) or not isinstance(usd, int | float)):
        raise ApiError(400, f"balance must be a number of USD, got {usd!r}")
    try:
        behaviour = simulator.state.behaviour.changed(changes)
    except BehaviourError as error:
        raise ApiError(400, str(error)) from error
    if usd is not None:
        simulator.state.set_balance(Decimal(str(usd)))
    return _use(simulator, behaviour)


async def reset_config(_: Request, simulator: Simulator) -> Response:
    """`DELETE /sim/config`: back to what the simulator was started with, the balance too."""
    simulator.state.set_balance(simulator.settings.balance)
    return _use(simulator, simulator.settings.behaviour)


def _use(simulator: Simulator, behaviour: Behaviour) -> Response:
    simulator.state.behaviour = behaviour
    simulator.lifecycle.fill_places()
    return _config(simulator)


async def list_faults(_: Request, simulator: Simulator) -> Response:
    """`GET /sim/faults`: what is switched on by control requests, and how often each kind struck, markers' too."""
    book = simulator.state.faults
    return JSONResponse({"faults": [_fault(fault) for fault in book.faults.values()], "struck": book.struck})


async def list_kinds(_: Request, __: Simulator) -> Response:
    """`GET /sim/faults/kinds`."""
    return JSONResponse({"kinds": [asdict(kind) for kind in KINDS.values()]})


async def add_fault(request: Request, simulator: Simulator) -> Response:
    """`POST /sim/faults` `{"kind", "times": 1, "every": 1, "match": {…}, …params}`; `times` null is until deleted."""
    try:
        fault = fault_from_json(await json_object(request))
    except FaultError as error:
        raise ApiError(400, str(error)) from error
    return JSONResponse(_fault(simulator.state.faults.add(fault)), 201)


async def clear_faults(_: Request, simulator: Simulator) -> Response:
    """`DELETE /sim/faults`: all off, marker counts forgotten."""
    return JSONResponse({"cleared": simulator.state.faults.clear()})


async def clear_fault(request: Request, simulator: Simulator) -> Response:
    """`DELETE /sim/faults/{id}`."""
    return JSONResponse({"cleared": simulator.state.faults.clear(request.path_params["fault_id"])})


def _fault(fault: Fault) -> dict[str, Any]:
    shown = asdict(fault)
    return {"id": shown.pop("fault_id")} | shown
