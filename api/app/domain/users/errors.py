"""What can go wrong with a user."""

from app.core.errors import RassomError


class UserNotFoundError(RassomError):
    """No such user, or not one that the caller may see: both look the same from outside."""

    code = "user_not_found"
    status = 404
    title = "There is no such user"

    def __init__(self, telegram_id: int) -> None:
        super().__init__(f"No user with telegram_id {telegram_id}. Create it with POST /api/v1/users/sync.")


class UsernameNotFoundError(RassomError):
    """Nobody is known under this username; Telegram's people change theirs, and Rassom learns of it when they come."""

    code = "user_not_found"
    status = 404
    title = "There is no such user"

    def __init__(self, username: str) -> None:
        super().__init__(f"No user with username {username}.")


class BannedError(RassomError):
    """An operator has banned this person: nothing is done for or by them; nothing was changed."""

    code = "banned"
    status = 403
    title = "This person is banned"

    def __init__(self) -> None:
        super().__init__("An operator of this installation has banned this person.")
