"""The account: balance, billings, usage, webhook secret (protocol 6)."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator import clock
from simulator.answers import ApiError, json_object, success
from simulator.predictions import REFUNDED, Prediction
from simulator.program import Simulator
from simulator.routes_history import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, moment, whole_number

USAGE_DAYS_MAX = 31
DAY_NS = 24 * 3600 * clock.NS_PER_S
DATE_CHARS = 10


async def balance(_: Request, simulator: Simulator) -> Response:
    """`GET /api/v3/balance`: USD as a number."""
    return success({"balance": float(simulator.state.balance)})


async def webhook_secret(_: Request, simulator: Simulator) -> Response:
    """`GET /api/v3/webhook/secret` (protocol 4.3)."""
    return success({"secret": simulator.settings.webhook_secret})


async def billings(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/billings/search`: deductions and refunds, newest first unless `sort` says ascending."""
    body = await json_object(request)
    page, page_size = whole_number(body, "page", 1, None), whole_number(body, "page_size", PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
    start_ns, end_ns = moment(body, "start_time") or 0, moment(body, "end_time") or clock.now_ns()
    wanted_ids = body.get("prediction_uuids")
    rows = [
        (at_ns, row)
        for at_ns, row in _billing_rows(simulator.state.predictions.values())
        if start_ns <= at_ns <= end_ns
        and body.get("billing_type") in {None, row["billing_type"]}
        and (not wanted_ids or row["prediction"]["uuid"] in wanted_ids)
    ]
    rows.sort(key=lambda dated: dated[0], reverse="asc" not in str(body.get("sort", "desc")).lower())
    first = (page - 1) * page_size
    items = [row for _, row in rows[first : first + page_size]]
    return success({"page": page, "total": len(rows), "has_more": first + page_size < len(rows), "items": items})


def _billing_rows(predictions: Iterable[Prediction]) -> Iterable[tuple[int, dict[str, Any]]]:
    for prediction in predictions:
        yield prediction.created_ns, _billing(prediction, "deduct", prediction.created_ns)
        if prediction.status in REFUNDED and prediction.finished_ns is not None:
            yield prediction.finished_ns, _billing(prediction, "refund", prediction.finished_ns)


def _billing(prediction: Prediction, billing_type: str, at_ns: int) -> dict[str, Any]:
    return {
        "uuid": f"{prediction.id[:-1]}{'d' if billing_type == 'deduct' else 'r'}",
        "billing_type": billing_type,
        "price": float(prediction.price),
        "created_at": clock.rfc3339(at_ns),
        "order": {},
        "prediction": {"uuid": prediction.id, "model_uuid": prediction.model, "status": prediction.status},
        "access_key_name": "simulator",
    }


async def usage_stats(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/user/usage_stats`: cost and counts of at most 31 days; refunded runs cost nothing."""
    body = await json_object(request)
    start_ns, end_ns = moment(body, "start_time"), moment(body, "end_time")
    if start_ns is None or end_ns is None:
        raise ApiError(400, 'fields "start_time" and "end_time" are required; please provide them')
    if end_ns - start_ns > USAGE_DAYS_MAX * DAY_NS:
        raise ApiError(400, f"the time range must not exceed {USAGE_DAYS_MAX} days; please use a shorter one")
    found = [
        entry
        for entry in simulator.state.predictions.values()
        if start_ns <= entry.created_ns <= end_ns and body.get("model_uuid") in {None, entry.model}
    ]
    by_model: dict[str, list[Prediction]] = defaultdict(list)
    by_day: dict[str, list[Prediction]] = defaultdict(list)
    for entry in found:
        by_model[entry.model].append(entry)
        by_day[clock.rfc3339(entry.created_ns)[:DATE_CHARS]].append(entry)
    return success(
        {
            "per_model_usage": [{"model_uuid": model} | _summed(entries) for model, entries in sorted(by_model.items())],
            "daily_usage": [{"date": day} | _summed(entries) for day, entries in sorted(by_day.items())],
            "summary": _summed(found),
        }
    )


def _summed(predictions: list[Prediction]) -> dict[str, Any]:
    cost = sum((entry.price for entry in predictions if entry.status not in REFUNDED), Decimal(0))
    return {
        "total_cost": float(cost),
        "total_requests": len(predictions),
        "success_requests": sum(entry.status == "completed" for entry in predictions),
    }
