"""What the task-stage faults do to a prediction that is about to be accepted."""

from collections.abc import Callable
from typing import Any

from simulator.fault_book import Hit
from simulator.predictions import Outcome, Prediction


def _ends_as(status: str, code: int = 0, outputs: str = "none") -> Callable[[Prediction, dict[str, Any]], None]:
    def apply(prediction: Prediction, _: dict[str, Any]) -> None:
        prediction.outcome = Outcome(status, code, "", outputs)

    return apply


def _completes_with(outputs: str) -> Callable[[Prediction, dict[str, Any]], None]:
    def apply(prediction: Prediction, _: dict[str, Any]) -> None:
        prediction.outcome.outputs = outputs

    return apply


def _fails(prediction: Prediction, params: dict[str, Any]) -> None:
    prediction.outcome = Outcome.failure(int(params["code"]), params["message"])


def _fails_at_submit(prediction: Prediction, params: dict[str, Any]) -> None:
    _fails(prediction, params)
    prediction.traits["submit_answers_failed"] = True


def _download_fails(prediction: Prediction, _: dict[str, Any]) -> None:
    prediction.outcome = Outcome.failure(1402)


def _never_ends(prediction: Prediction, _: dict[str, Any]) -> None:
    prediction.delay_s = None


def _takes(prediction: Prediction, params: dict[str, Any]) -> None:
    prediction.delay_s = float(params["seconds"])


def _another_model(prediction: Prediction, params: dict[str, Any]) -> None:
    prediction.traits["alias_model"] = params["model"] or f"alias-of/{prediction.model}"


_EFFECTS: dict[str, Callable[[Prediction, dict[str, Any]], None]] = {
    "fail": _fails,
    "submit_answers_failed": _fails_at_submit,
    "image_download_failed": _download_fails,
    "status_timeout": _ends_as("timeout", 5004),
    "status_cancelled": _ends_as("cancelled"),
    "status_deleted": _ends_as("deleted", outputs="missing"),
    "stuck": _never_ends,
    "delay": _takes,
    "empty_outputs": _completes_with("none"),
    "null_outputs": _completes_with("null"),
    "missing_outputs": _completes_with("missing"),
    "object_outputs": _completes_with("objects"),
    "alias_model": _another_model,
}


def apply(prediction: Prediction, hits: list[Hit]) -> None:
    """Change the prediction as the faults say; a kind without an effect of its own becomes a trait the answers obey."""
    for hit in hits:
        effect = _EFFECTS.get(hit.kind)
        if effect is not None:
            effect(prediction, hit.params)
        else:
            prediction.traits[hit.kind] = next(iter(hit.params.values()), True)
