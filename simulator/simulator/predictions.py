"""A prediction as the simulator keeps it, and the words the wire uses for it (protocol 2.2 to 2.4)."""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from simulator import clock

TASK_ERRORS: dict[int, str] = {
    1200: "The content contains sensitive information.",
    1400: "A required parameter is missing.",
    1401: "A parameter is invalid.",
    1402: "Failed to download image from the provided URL.",
    1403: "Execution failed.",
    1405: "The task failed.",
    1406: "Retries exhausted.",
    1407: "Insufficient credits.",
    5000: "Internal error.",
    5003: "Service unavailable.",
    5004: "The task timed out.",
}
REFUNDED = frozenset({"failed", "timeout"})
TERMINAL = frozenset({"completed", "failed", "cancelled", "timeout", "deleted"})
NS_PER_MS = 1_000_000


@dataclass(slots=True)
class Outcome:
    """How a task will end: status, business code, error text, and which shape its outputs take."""

    status: str = "completed"
    code: int = 0
    error: str = ""
    outputs: str = "pictures"

    @classmethod
    def failure(cls, code: int, message: str | None = None) -> "Outcome":
        """Return a failed outcome with the code's text unless another is given (protocol 5.3)."""
        return cls("failed", code, message or TASK_ERRORS.get(code, "The task failed."))


@dataclass(slots=True, eq=False)
class Prediction:
    """One task from submit to its end. Times are nanoseconds; `delay_s` None never ends; `traits` are faults it carries."""

    id: str
    model: str
    inputs: dict[str, Any]
    price: Decimal
    created_ns: int
    delay_s: float | None
    webhook: str | None = None
    outcome: Outcome = field(default_factory=Outcome)
    traits: dict[str, Any] = field(default_factory=dict)
    status: str = "created"
    started_ns: int | None = None
    finished_ns: int | None = None
    is_deleted: bool = False
    is_webhook_settled: bool = False
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    reads: int = 0

    @property
    def prompt(self) -> str:
        """The prompt as sent."""
        return str(self.inputs["prompt"])

    @property
    def is_final(self) -> bool:
        """Whether the task has ended."""
        return self.status in TERMINAL

    @property
    def is_gone(self) -> bool:
        """Whether the provider knows the prediction no more: deleted, or expired after its end (protocol 7)."""
        return self.is_deleted or (self.is_final and "expired" in self.traits)

    @property
    def wants_base64(self) -> bool:
        """Whether outputs are bare base64 instead of URLs (protocol 2.5)."""
        return bool(self.inputs.get("enable_base64_output"))

    @property
    def fingerprint(self) -> str:
        """The same for two submits of the same model and inputs."""
        return fingerprint(self.model, self.inputs)

    def to_json(self) -> dict[str, Any]:
        """Return everything, as the journal keeps it."""
        return asdict(self) | {"price": str(self.price)}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Prediction":
        """Return the prediction the journal kept."""
        return cls(**kept | {"price": Decimal(kept["price"]), "outcome": Outcome(**kept["outcome"])})


def new_id() -> str:
    """Return 32 lowercase hex characters, as real ids are (protocol 2.1)."""
    return secrets.token_hex(16)


def fingerprint(model: str, inputs: dict[str, Any]) -> str:
    """Return a digest of model and inputs, to count how often the same thing was submitted."""
    text = json.dumps([model, inputs], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def wire(prediction: Prediction, outputs: list[Any], origin: str, *, legacy_fields: bool) -> dict[str, Any]:
    """Return the prediction as reads, webhooks and history show it (protocol 2.2)."""
    is_final = prediction.is_final
    traits = prediction.traits
    shown: dict[str, Any] = {
        "id": prediction.id,
        "model": traits.get("alias_model", prediction.model),
        "status": _status(prediction),
        "outputs": outputs,
        "urls": {"get": traits.get("foreign_poll_url", f"{origin}/api/v3/predictions/{prediction.id}/result")},
        "error": prediction.outcome.error if is_final else "",
    }
    if is_final and prediction.outcome.outputs == "null":
        shown["outputs"] = None
    if is_final and prediction.outcome.outputs == "missing":
        del shown["outputs"]
    if "minimal_fields" in traits:
        del shown["model"]
        return shown
    shown |= {"code": prediction.outcome.code if is_final else 0, "created_at": clock.rfc3339(prediction.created_ns)}
    if is_final:
        spent_ms = inference_ms(prediction)
        shown["timings"] = {"inference": spent_ms}
        if legacy_fields or "legacy_fields" in traits:
            shown |= {"executionTime": spent_ms, "has_nsfw_contents": [False] * len(outputs) or None}
    return shown


def _status(prediction: Prediction) -> str:
    if prediction.status == "processing":
        return str(prediction.traits.get("status_unknown", "processing"))
    return prediction.status


def inference_ms(prediction: Prediction) -> int:
    """Return how long the task took, in milliseconds (protocol 2.2)."""
    begun = prediction.started_ns or prediction.created_ns
    return ((prediction.finished_ns or begun) - begun) // NS_PER_MS
