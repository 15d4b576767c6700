"""What can go wrong with a user."""

from app.core.errors import RassomError


class UserNotFoundError(RassomError):
    """No such user, or not one that the caller may see: both look the same from outside."""

    code = "user_not_found"
    status = 404
    title = "There is no such user"

    def __init__(self, telegram_id: int) -> None:
        super().__init__(f"No user with telegram_id {telegram_id}. Create it with POST /api/v1/users/sync.")
