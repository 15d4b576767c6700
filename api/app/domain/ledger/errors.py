"""What can go wrong with money."""

from app.core.errors import RassomError


class InsufficientCreditsError(RassomError):
    """The wallet holds less than is asked for; nothing was held."""

    code = "insufficient_credits"
    status = 402
    title = "Not enough credits"

    def __init__(self, *, balance: int, required: int) -> None:
        super().__init__(f"This costs {required} credits and {balance} can be spent.", balance=balance, required=required)


class HoldEndedError(RassomError):
    """The hold was captured or released before: it ends exactly once."""

    code = "hold_ended"
    status = 409
    title = "The hold has ended already"

    def __init__(self, hold_id: int) -> None:
        super().__init__(f"Hold {hold_id} was captured or released before, or never existed.")
