"""What can go wrong with a delivery."""

from app.core.errors import RassomError


class DeliveryNotFoundError(RassomError):
    """This generation has not ended, or nobody asked to be told of it (`client_context.chat_id`)."""

    code = "delivery_not_found"
    status = 404
    title = "There is no such delivery"

    def __init__(self, generation_id: int) -> None:
        super().__init__(f"Generation {generation_id} has no delivery.")


class StaleEpochError(RassomError):
    """The delivery is not this claim's any more: its lease is over, somebody else claimed it, or it has ended."""

    code = "stale_epoch"
    status = 409
    title = "This delivery is somebody else's now"

    def __init__(self, epoch: int) -> None:
        super().__init__(f"Claim {epoch} of this delivery is over; leave it to whoever claims it next.")
