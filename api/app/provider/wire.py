"""The provider's JSON, read with care and turned into our values.

Facts: every answer is `{"code": 200, "message": …, "data": …}`; a prediction safely carries only id, status, outputs and error;
the final statuses are completed, failed, cancelled, timeout and deleted, and an unknown one means "still working";
`code` inside a prediction is the task's business code, 1407 of them for an empty account. Outputs are URLs unless base64 was asked
for, which we never do. What history and bills look like is read in history.py.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from app.core.model_options import ModelOptions

NUL = "\x00"
SYNC_OPTION = "enable_sync_mode"
OUT_OF_CREDIT_CODE = 1407
_OK_ENVELOPE = 200
_PAYMENT_REQUIRED = 402
_OUT_OF_CREDIT = "insufficient credit"
_FINAL_FAILURES = frozenset({"failed", "cancelled", "timeout", "deleted"})


class TaskState(Enum):
    """What a prediction's status means to us."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Task:
    """A prediction as it is now. `code` is the business code of a failed one; `outputs` are URLs in the provider's order.

    `model` is the provider's own name of it, which may be another one than the path it was submitted to; empty when not told.
    """

    id: str
    state: TaskState
    status: str
    outputs: tuple[str, ...]
    code: int | None
    error: str
    model: str = ""

    @property
    def is_out_of_credit(self) -> bool:
        """Whether the task was refused because our account at the provider is empty: it made nothing and costs nothing."""
        return self.state is TaskState.FAILED and self.code == OUT_OF_CREDIT_CODE


@dataclass(frozen=True)
class Order:
    """One submit: where it goes, its JSON body, which holds exactly what was asked for, and where its end is to be announced."""

    path: str
    body: Mapping[str, Any]
    webhook_url: str | None = None


def build_order(
    options: ModelOptions,
    *,
    prompt: str,
    size: str | None,
    aspect_ratio: str | None,
    resolution: str | None,
    reference_urls: Sequence[str],
    is_sync: bool,
) -> Order:
    """The request for one picture. What was not asked for is not sent, so the provider's own defaults hold."""
    asked = {"size": size, "aspect_ratio": aspect_ratio, "resolution": resolution}
    body: dict[str, Any] = {"prompt": prompt, **{name: value for name, value in asked.items() if value is not None}}
    if reference_urls:
        body["images"] = list(reference_urls)
    if is_sync:
        body[SYNC_OPTION] = True
    return Order(path=options.image_to_image_path if reference_urls else options.text_to_image_path, body=body)


def read_envelope(answer: object) -> tuple[int, str, object]:
    """The envelope's code, message and data. Raises ValueError when it is no envelope."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), int):
        msg = "not the provider's envelope"
        raise ValueError(msg)
    message = answer.get("message") or answer.get("error") or ""
    return answer["code"], str(message), answer.get("data")


def is_ok(code: int) -> bool:
    """Whether an envelope's code says success; official clients treat every other one as failure, also under HTTP 200."""
    return code == _OK_ENVELOPE


def is_out_of_credit(code: int, message: str) -> bool:
    """Whether a refusal says that our account is empty: by a code, or by the one message seen, which no customer's text begins."""
    return code in {_PAYMENT_REQUIRED, OUT_OF_CREDIT_CODE} or message.lower().startswith(_OUT_OF_CREDIT)


def read_usd(data: object) -> float:
    """The balance from an envelope's data. Raises ValueError when there is none."""
    balance = data.get("balance") if isinstance(data, dict) else None
    if isinstance(balance, bool) or not isinstance(balance, int | float) or not math.isfinite(balance):
        msg = "no balance in the answer"
        raise ValueError(msg)
    return float(balance)


def read_task(data: object) -> Task:
    """A prediction from an envelope's data, without what no database can store (NUL). Raises ValueError when it has no id."""
    if not isinstance(data, dict) or not is_text(data.get("id")):
        msg = "no prediction id in the answer"
        raise ValueError(msg)
    status = str(data.get("status") or "")
    outputs = data.get("outputs")
    code = data.get("code")
    return Task(
        id=data["id"],
        state=_state(status),
        status=status,
        outputs=tuple(url for url in outputs if is_text(url)) if isinstance(outputs, list) else (),
        code=code if isinstance(code, int) else None,
        error=str(data.get("error") or "").replace(NUL, ""),
        model=data["model"] if is_text(data.get("model")) else "",
    )


def is_text(value: object) -> bool:
    """Whether it is a text that says something and that a database can store."""
    return isinstance(value, str) and value != "" and NUL not in value


def _state(status: str) -> TaskState:
    if status == "completed":
        return TaskState.COMPLETED
    return TaskState.FAILED if status in _FINAL_FAILURES else TaskState.PENDING
