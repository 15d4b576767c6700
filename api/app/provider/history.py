"""What the provider remembers: the tasks of the last seven days with their inputs, and what each of them cost.

Facts (protocol 6): `POST /predictions` answers `{"items": [prediction…]}`, the newest first, at most 100 a page, perhaps without a
total; a prediction carries `input` when `include_inputs` is set. `POST /billings/search` answers items with `billing_type` (deduct,
refund), `price` in USD and `prediction.uuid`. `POST /model/price` names `discounted_price`, which is what is charged, and `price`.
Times are RFC 3339 with up to nine fractional digits.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.provider.wire import Task, is_text, read_task

PAGE_SIZE = 100


@dataclass(frozen=True)
class PastTask:
    """A task of the history: what it was asked for, its own fields with the defaults that the provider added, and when."""

    task: Task
    inputs: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class Page:
    """One page of the history; `is_last` when no page follows."""

    tasks: tuple[PastTask, ...]
    is_last: bool


def search_body(model: str, *, after: datetime, before: datetime, page: int) -> dict[str, Any]:
    """The question for one page of a model's tasks created between two moments."""
    return {
        "page": page,
        "page_size": PAGE_SIZE,
        "model": model,
        "created_after": _moment(after),
        "created_before": _moment(before),
        "include_inputs": True,
    }


def read_page(data: object) -> Page:
    """A page of the history. Raises ValueError when it is none; an entry that cannot be compared with anything is left out."""
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list):
        msg = "no items in the history"
        raise ValueError(msg)
    # Without counting on a total, which newer answers lack: a page that is not full is the last one.
    return Page(tuple(past for item in items if (past := _past_task(item))), is_last=len(items) < PAGE_SIZE)


def bills_body(task_ids: list[str], *, after: datetime, before: datetime, page: int) -> dict[str, Any]:
    """The question for one page of the bills of these tasks."""
    return {
        "prediction_uuids": task_ids,
        "start_time": _moment(after),
        "end_time": _moment(before),
        "sort": "asc",
        "page": page,
        "page_size": PAGE_SIZE,
    }


def read_bills(data: object) -> tuple[dict[str, Decimal], bool]:
    """What each task of a page of bills cost, refunds taken off, and whether it is the last page. Raises ValueError."""
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list):
        msg = "no items in the bills"
        raise ValueError(msg)
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for item in items:
        prediction = item.get("prediction") if isinstance(item, dict) else None
        price = _usd(item.get("price")) if isinstance(item, dict) else None
        if isinstance(prediction, dict) and is_text(prediction.get("uuid")) and price is not None:
            costs[prediction["uuid"]] += -price if item.get("billing_type") == "refund" else price
    return dict(costs), len(items) < PAGE_SIZE


def read_price(data: object) -> Decimal:
    """What a run is charged. Raises ValueError when the answer names no price."""
    named = data if isinstance(data, dict) else {}
    for name in ("discounted_price", "price", "unit_price"):
        price = _usd(named.get(name))
        if price is not None:
            return price
    msg = "no price in the answer"
    raise ValueError(msg)


def _past_task(item: object) -> PastTask | None:
    inputs = item.get("input") if isinstance(item, dict) else None
    created_at = item.get("created_at") if isinstance(item, dict) else None
    if not isinstance(inputs, dict) or not isinstance(created_at, str):
        return None
    try:
        moment = datetime.fromisoformat(created_at)
        task = read_task(item)
    except ValueError:
        return None
    return PastTask(task, inputs, moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _usd(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    price = Decimal(str(value))
    return price if price.is_finite() else None
