"""How a call to the provider can end badly, told apart by what is known of the task.

ProviderError
├── RefusedError   surely not accepted, and the same request would be refused again
├── BusyError      surely not accepted; the same request may be accepted later
├── UnknownError   it may have been accepted: never send it again blindly
└── TaskGoneError  the provider does not know this task (any more)
"""


class ProviderError(Exception):
    """The root: `reason` is for the operator's log and the attempt row, never for a customer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedError(ProviderError):
    """400, 401, 403, 404 and the like: no task exists. `status` is the provider's, where there was an answer."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class BusyError(ProviderError):
    """No byte was sent (name, refused, TLS), 429, or our account is empty: no task exists, and trying later is right."""

    def __init__(self, reason: str, *, is_down: bool, is_out_of_credit: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.is_down = is_down
        self.is_out_of_credit = is_out_of_credit
        self.retry_after_s = retry_after_s


class UnknownError(ProviderError):
    """Timeout, reset, 5xx or an unreadable answer. `status` is the provider's, where there was an answer."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class TaskGoneError(ProviderError):
    """404 when reading a task."""
