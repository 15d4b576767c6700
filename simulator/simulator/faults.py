"""Every fault the simulator can show: its stable kind, the stage it strikes, its parameters. No behaviour here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault: `stage` says when it strikes, `answer` which wrong answer it gives, `main` what `[sim:KIND=X]` sets."""

    kind: str
    stage: str
    description: str
    params: dict[str, Any] = field(default_factory=dict)
    answer: str = ""
    main: str = "times"


ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cut": ("closes the connection without an answer", {"seconds": 0}),
    "400": ("answers 400 in the recorded schema wording", {"message": 'field "prompt" is required; please provide it'}),
    "401": ("answers 401 as for a wrong key", {}),
    "403": ("answers 403 with an error_code", {"message": "Permission denied.", "error_code": "permission_denied"}),
    "404": ("answers 404", {"message": None}),
    "429": ("answers 429, with Retry-After when retry_after is set", {"message": None, "retry_after": None}),
    "500": ("answers 500 with an envelope", {"message": "Internal server error", "seconds": 0}),
    "502": ("answers 502 with the plain text `error code: 502`", {"seconds": 0}),
    "503": ("answers 503 with an envelope", {"message": "Service unavailable", "seconds": 0}),
    "504": ("answers 504 with the gateway's HTML page", {"seconds": 0}),
    "html": ("answers an HTML page under 200", {"seconds": 0}),
    "garbage": ("answers a torn JSON text under 200", {"seconds": 0}),
    "null_data": ("answers a success envelope whose data is null", {"seconds": 0}),
    "envelope_error": ("answers 200 around an envelope with another code", {"code": 500, "message": "Internal server error"}),
    "slow": ("waits before the ordinary answer", {"seconds": 5}),
}


def _answering(stage: str, prefix: str, suffix: str, answers: str, says: str) -> Iterator[FaultKind]:
    for answer in answers.split():
        description, params = ANSWERS[answer]
        main = "seconds" if answer == "slow" else "times"
        yield FaultKind(f"{prefix}_{answer}{suffix}", stage, f"{says} {description}", params, answer, main)


_REQUEST_KINDS = [
    *_answering("submit_before", "submit", "", "400 401 403 404 429 envelope_error", "Submit is refused, no task exists:"),
    *_answering("submit_before", "submit", "_before_accept", "cut 500 502 503 504 slow", "Before a task exists, submit"),
    *_answering(
        "submit_after",
        "submit",
        "_after_accept",
        "cut 500 502 503 504 html garbage null_data slow",
        "The task exists and runs, yet submit",
    ),
    *_answering(
        "poll", "poll", "", "cut 401 404 429 500 502 503 504 html garbage null_data envelope_error slow", "A read of a prediction"
    ),
    *_answering("history", "history", "", "cut 429 500 502 html slow", "`POST /predictions`"),
    *_answering("upload", "upload", "", "cut 401 403 429 500 502 slow", "Asking for an upload"),
    *_answering("upload_put", "upload_put", "", "cut 403 500 503 slow", "The PUT of an upload's bytes"),
    *_answering("api", "api", "", "cut 401 403 429 500 502 503 504 html garbage envelope_error slow", "Any provider call"),
    *_answering("output", "output", "", "cut 403 404 500 html slow", "The download of an output"),
    FaultKind("insufficient_credits", "submit_before", "Submit is refused with the 400 for an empty account", answer="credits"),
    FaultKind("output_truncated", "output", "Half of the picture arrives, then the connection is closed", answer="truncated"),
    FaultKind("output_corrupt", "output", "The picture's bytes are damaged after the first 64", answer="corrupt"),
    FaultKind("output_untyped", "output", "The picture comes as application/octet-stream", answer="untyped"),
    FaultKind("output_huge", "output", "An endless-looking picture of zero bytes", {"megabytes": 100}, "huge", "megabytes"),
    FaultKind("upload_lost", "media", "The download of an upload answers 404", answer="404"),
    FaultKind("sync_timeout_5004", "sync", "Sync gives up with 5004 under 200 after seconds", {"seconds": 0}, "5004", "seconds"),
    FaultKind("sync_timeout_504", "sync", "Sync gives up with a gateway 504 page after seconds", {"seconds": 0}, "504", "seconds"),
]

_TASK_KINDS = [
    FaultKind("fail", "task", "The task fails with a documented code", {"code": 1405, "message": None}, main="code"),
    FaultKind("image_download_failed", "task", "The task fails with 1402"),
    FaultKind("status_timeout", "task", "The task ends as `timeout` with code 5004 and an empty error"),
    FaultKind("status_cancelled", "task", "The task ends as `cancelled`"),
    FaultKind("status_deleted", "task", "The task ends as `deleted`, outputs missing"),
    FaultKind("status_unknown", "task", "Reads say an undocumented status until the task ends", {"value": "queued"}, main="value"),
    FaultKind("stuck", "task", "The task never ends"),
    FaultKind("delay", "task", "The task takes this long", {"seconds": 5}, main="seconds"),
    FaultKind("empty_outputs", "task", "Completed with `outputs: []`"),
    FaultKind("null_outputs", "task", "Completed with `outputs: null`"),
    FaultKind("missing_outputs", "task", "Completed without the key `outputs`"),
    FaultKind("object_outputs", "task", "Completed with an object in outputs instead of a text"),
    FaultKind("minimal_fields", "task", "Answers carry only id, status, outputs, urls and error"),
    FaultKind("legacy_fields", "task", "Answers carry executionTime and has_nsfw_contents"),
    FaultKind("alias_model", "task", "Answers name another model id", {"model": None}, main="model"),
    FaultKind("old_submit_shape", "task", "Submit answers `processing` and a urls.get without /result"),
    FaultKind("foreign_poll_url", "task", "urls.get points to another origin", {"url": "https://evil.example/steal"}, main="url"),
    FaultKind(
        "submit_answers_failed", "task", "Submit itself answers the failed task", {"code": 1405, "message": None}, main="code"
    ),
    FaultKind("expired", "task", "Once ended, the prediction is gone: reads, history and output know it no more"),
    FaultKind("history_lag", "task", "`POST /predictions` does not list the prediction yet", {"seconds": 5}, main="seconds"),
]

_WEBHOOK_KINDS = [
    FaultKind("webhook_never", "webhook", "No webhook is sent"),
    FaultKind("webhook_duplicate", "webhook", "The webhook is sent this many times", {"copies": 2}, main="copies"),
    FaultKind("webhook_late", "webhook", "The webhook waits", {"seconds": 5}, main="seconds"),
    FaultKind("webhook_bad_signature", "webhook", "The signature does not fit the body"),
    FaultKind("webhook_unsigned", "webhook", "The three webhook headers are missing"),
    FaultKind("webhook_stale_timestamp", "webhook", "Properly signed, but for a moment long ago", {"seconds": 600}, main="seconds"),
    FaultKind("webhook_garbage", "webhook", "Properly signed, but the body is torn JSON"),
    FaultKind(
        "webhook_wrong_status",
        "webhook",
        "Properly signed, but the status contradicts the prediction",
        {"status": "failed"},
        main="status",
    ),
]

KINDS: dict[str, FaultKind] = {kind.kind: kind for kind in [*_REQUEST_KINDS, *_TASK_KINDS, *_WEBHOOK_KINDS]}
