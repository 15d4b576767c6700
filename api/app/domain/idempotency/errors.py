"""What can go wrong with a repeated request."""

from app.core.errors import RassomError


class IdempotencyMismatchError(RassomError):
    """The key was used for another request; nothing was changed."""

    code = "idempotency_mismatch"
    status = 422
    title = "This Idempotency-Key belongs to another request"

    def __init__(self) -> None:
        super().__init__("The same Idempotency-Key was sent with another body before. Use a new key for a new request.")


class IdempotencyInFlightError(RassomError):
    """The first request with this key has not ended yet; nothing was changed by this one."""

    code = "idempotency_in_flight"
    status = 409
    title = "The first request with this Idempotency-Key is still running"

    def __init__(self) -> None:
        super().__init__("Send it again in a second: then the answer of the first one is known.", headers={"Retry-After": "1"})
