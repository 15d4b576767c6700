"""What can go wrong with a broadcast."""

from uuid import UUID

from app.core.errors import RassomError


class BroadcastNotFoundError(RassomError):
    """There is no broadcast with this id."""

    code = "broadcast_not_found"
    status = 404
    title = "There is no such broadcast"

    def __init__(self, public_id: UUID) -> None:
        super().__init__(f"No broadcast {public_id}.")
