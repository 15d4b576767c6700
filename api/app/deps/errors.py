"""Refusals of the edge itself: who is asking, how often, and with how much."""

from app.core.errors import RassomError, ServiceUnavailableError


class UnauthorizedError(RassomError):
    """No credential, or not a valid one."""

    code = "unauthorized"
    status = 401
    title = "A valid key is needed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="rassom", tma realm="rassom"'})


class CorsRefusedError(RassomError):
    """A browser asked whether a page may make this call, and it may not: its origin, the method or a header is not allowed."""

    code = "cors_refused"
    status = 400
    title = "This page may not call the API"


class ForbiddenError(RassomError):
    """The credential is valid, but not for this."""

    code = "forbidden"
    status = 403
    title = "This key may not do that"


class RateLimitedError(RassomError):
    """Too many requests of this caller in a short time; nothing was done."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(
            f"Too many requests; the next one is taken in {retry_after_s} s. Nothing was done.",
            headers={"Retry-After": str(retry_after_s)},
        )


class BusyError(RassomError):
    """This process has as many requests in hand as it can answer soon; nothing was done."""

    code = ServiceUnavailableError.code
    status = ServiceUnavailableError.status
    title = ServiceUnavailableError.title

    def __init__(self) -> None:
        super().__init__(
            "More requests are waiting than can be answered soon. Nothing was done. Send it again.", headers={"Retry-After": "1"}
        )


class PayloadTooLargeError(RassomError):
    """The body is larger than this route takes; it was not read to its end."""

    code = "payload_too_large"
    status = 413
    title = "The body is too large"

    def __init__(self, *, bytes_max: int) -> None:
        super().__init__(f"A body here has at most {bytes_max} bytes.", headers={"Connection": "close"})


class NestingTooDeepError(RassomError):
    """The JSON nests deeper than anything here takes; it was not parsed."""

    code = "validation_error"
    status = 422
    title = "The request is not valid"

    def __init__(self, *, levels_max: int) -> None:
        message = f"JSON here has at most {levels_max} levels, in UTF-8"
        super().__init__(f"body: {message}", errors=[{"field": "body", "message": message}])


class BodyTimeoutError(RassomError):
    """The client stopped sending its body, or sends it too slowly."""

    code = "request_timeout"
    status = 408
    title = "The body took too long"

    def __init__(self) -> None:
        super().__init__("The body did not arrive in time. Send it again.", headers={"Connection": "close"})


class ClientGoneError(RassomError):
    """The client left in the middle of its body; the answer reaches nobody and is for the log."""

    code = "bad_request"
    status = 400
    title = "The client left"

    def __init__(self) -> None:
        super().__init__("The body was cut off by its sender.")
