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


class AccountFrozenError(RassomError):
    """An audit found this wallet in disorder: nothing new begins in it until an operator has looked."""

    code = "account_frozen"
    status = 423
    title = "This wallet is frozen"

    def __init__(self) -> None:
        super().__init__("A check of the books found something wrong with this wallet; nothing new begins in it for now.")


class AccountNotFrozenError(RassomError):
    """There is no such wallet, or nothing to lift."""

    code = "account_not_frozen"
    status = 409
    title = "This wallet is not frozen"

    def __init__(self, account_id: int) -> None:
        super().__init__(f"Account {account_id} is not frozen.")
