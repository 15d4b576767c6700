"""Refusals in Telegram's envelope and words."""

from typing import Any

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
WRONG_FILE = "wrong file identifier/HTTP URL specified"
NO_URL_CONTENT = "failed to get HTTP URL content"
WRONG_URL_CONTENT = "wrong type of the web page content"
BLOCKED = "Forbidden: bot was blocked by the user"


class TelegramError(Exception):
    """The request is refused: HTTP status, which is also `error_code`, the description, and `parameters` where there are any."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    @property
    def envelope(self) -> dict[str, Any]:
        """The refusal as JSON."""
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return body | {"parameters": self.parameters} if self.parameters else body


class ConnectionCut(Exception):  # noqa: N818 - it is an outcome, not a mistake of the caller
    """Leave the request without an answer and close its connection."""


def bad_request(what: str) -> TelegramError:
    """Return the 400 whose description says `what`."""
    return TelegramError(400, f"Bad Request: {what}")


def too_many_requests(seconds: int) -> TelegramError:
    """Return the 429 with `parameters.retry_after`."""
    return TelegramError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
