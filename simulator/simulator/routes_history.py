"""Listing and deleting predictions (protocol 6)."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator import clock
from simulator.answers import PREDICTION_NOT_FOUND, ApiError, json_object, success
from simulator.faulty_answers import moment_of, struck
from simulator.predictions import Prediction
from simulator.program import Simulator

PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 100


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What `POST /predictions` asks for; times are nanoseconds."""

    page: int
    page_size: int
    model: str | None
    status: str | None
    after_ns: int | None
    before_ns: int | None
    with_inputs: bool

    def wants(self, prediction: Prediction) -> bool:
        """Say whether the prediction belongs to the answer."""
        if self.model is not None and self.model != prediction.traits.get("alias_model", prediction.model):
            return False
        if self.status is not None and self.status != prediction.status:
            return False
        if self.after_ns is not None and prediction.created_ns < self.after_ns:
            return False
        return self.before_ns is None or prediction.created_ns <= self.before_ns


async def search(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/predictions`: the account's predictions of seven days, newest first."""
    wrong = await struck(simulator, "history", moment_of(request))
    if wrong is not None:
        return wrong
    query = _query(await json_object(request))
    found = [entry for entry in simulator.state.visible() if query.wants(entry) and not _lags(entry)]
    first = (query.page - 1) * query.page_size
    items = []
    for prediction in found[first : first + query.page_size]:
        shown = await simulator.shown(prediction)
        items.append(shown | {"input": prediction.inputs} if query.with_inputs else shown)
    total = {"total": len(found)} if simulator.state.behaviour.history_total else {}
    return success({"page": query.page} | total | {"items": items})


def _lags(prediction: Prediction) -> bool:
    lag_s = prediction.traits.get("history_lag", 0)
    return bool(clock.now_ns() < prediction.created_ns + lag_s * clock.NS_PER_S)


def _query(body: dict[str, Any]) -> HistoryQuery:
    return HistoryQuery(
        page=whole_number(body, "page", 1, None),
        page_size=whole_number(body, "page_size", PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX),
        model=body.get("model"),
        status=body.get("status"),
        after_ns=moment(body, "created_after"),
        before_ns=moment(body, "created_before"),
        with_inputs=body.get("include_inputs") is True,
    )


def whole_number(body: dict[str, Any], name: str, default: int, most: int | None) -> int:
    """Return a field that counts from 1; raises ApiError 400 outside its range."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most is not None and value > most):
        limit = f" and at most {most}" if most is not None else ""
        raise ApiError(400, f'field "{name}" must be a number of at least 1{limit}; please use a number in that range')
    return value


def moment(body: dict[str, Any], name: str) -> int | None:
    """Return an ISO 8601 field in nanoseconds, None when absent; raises ApiError 400 for any other text."""
    text = body.get(name)
    if text is None:
        return None
    try:
        return clock.parse_iso8601(text)
    except (TypeError, ValueError) as error:
        raise ApiError(400, f'field "{name}" must be an ISO 8601 time; please use one') from error


async def delete_many(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/predictions/delete`: unknown ids are ignored, unfinished predictions are skipped."""
    ids = (await json_object(request)).get("ids")
    if not isinstance(ids, list) or not all(isinstance(prediction_id, str) for prediction_id in ids):
        raise ApiError(400, 'field "ids" must be an array of strings; please use an array')
    gone = 0
    for prediction_id in ids:
        prediction = simulator.state.find(prediction_id)
        if prediction is not None and prediction.is_final:
            simulator.state.mark_deleted(prediction)
            gone += 1
    return success({"deleted_count": gone})


async def delete_one(request: Request, simulator: Simulator) -> Response:
    """`DELETE /api/v3/predictions/{id}` (older page): 404 for an unknown id, 403 while the task runs."""
    prediction = simulator.state.find(request.path_params["prediction_id"])
    if prediction is None:
        raise ApiError(404, PREDICTION_NOT_FOUND)
    if not prediction.is_final:
        raise ApiError(403, "Prediction is still running.")
    simulator.state.mark_deleted(prediction)
    return success({"id": prediction.id, "status": "deleted"})
