"""What can go wrong with a generation, as its owner sees it."""

from app.core.errors import RassomError

RETRY_AFTER_S = 10


class GenerationNotFoundError(RassomError):
    """No such generation, or not one of this user: both look the same from outside."""

    code = "generation_not_found"
    status = 404
    title = "There is no such generation"

    def __init__(self, ref: str) -> None:
        super().__init__(f"This user has no generation {ref}.")


class AlreadySentError(RassomError):
    """It went to the provider, or has ended: there is nothing left to cancel, and its result decides."""

    code = "already_sent"
    status = 409
    title = "Too late to cancel"

    def __init__(self, status: str) -> None:
        super().__init__(f"The generation is {status}; only a queued one can be cancelled.", generation_status=status)


class ActiveGenerationError(RassomError):
    """The user has a generation that has not ended; one at a time."""

    code = "active_generation"
    status = 409
    title = "A generation is running already"

    def __init__(self, *, request_id: int, public_id: str, status: str) -> None:
        super().__init__(
            f"Generation {request_id} is {status}; a new one can start when it has ended.",
            active_request_id=request_id,
            active_public_id=public_id,
            # `status` of a problem is the HTTP status; the generation's own stands beside it under its own name.
            generation_status=status,
        )


class OverloadedError(RassomError):
    """More orders wait in line than can be made in time: refused before anything was held."""

    code = "overloaded"
    status = 503
    title = "Too many orders are waiting"

    def __init__(self) -> None:
        super().__init__(
            "The line is so long that this order could not be made in time; no credit was touched.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )


class WebhookNotFoundError(RassomError):
    """Webhooks are switched off, or no attempt has this token: both look the same from outside."""

    code = "not_found"
    status = 404
    title = "Not Found"

    def __init__(self) -> None:
        super().__init__("Not Found")


class InvalidSignatureError(RassomError):
    """The webhook is not signed by the provider, or was signed too long ago."""

    code = "invalid_signature"
    status = 401
    title = "This webhook is not the provider's"

    def __init__(self) -> None:
        super().__init__("The webhook's signature is missing, wrong or more than 5 minutes away.")


class WebhookTooLargeError(RassomError):
    """More than any webhook of the provider."""

    code = "payload_too_large"
    status = 413
    title = "Content Too Large"

    def __init__(self) -> None:
        super().__init__("A webhook has at most 256 kB.")
