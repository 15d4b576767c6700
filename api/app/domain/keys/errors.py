"""What can go wrong with a service key."""

from app.core.errors import RassomError


class KeyNotFoundError(RassomError):
    """There is no active key of that name or prefix."""

    code = "not_found"
    status = 404
    title = "There is no such key"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no active key called {name!r}; `rassom keys list` shows them.")


class KeyNameTakenError(RassomError):
    """An active key of that name exists already."""

    code = "key_name_taken"
    status = 409
    title = "That key name is taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"An active key called {name!r} exists; choose another name or revoke it first.")
