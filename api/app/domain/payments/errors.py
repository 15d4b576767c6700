"""What can go wrong with a payment."""

from app.core.errors import RassomError


class PackageNotFoundError(RassomError):
    """No package on sale has this id."""

    code = "package_not_found"
    status = 404
    title = "There is no such package"

    def __init__(self, package_id: int) -> None:
        super().__init__(f"No package on sale has the id {package_id}. GET /api/v1/payments/packages lists them.")


class OrderNotFoundError(RassomError):
    """No such order, or not this user's: both look the same from outside."""

    code = "order_not_found"
    status = 404
    title = "There is no such order"

    def __init__(self) -> None:
        super().__init__("No order of this user has this id.")


class ChargeNotFoundError(RassomError):
    """No payment with this charge id was credited, or not to this user."""

    code = "charge_not_found"
    status = 404
    title = "There is no such payment"

    def __init__(self) -> None:
        super().__init__("No payment with this charge id was credited.")


class PaymentMismatchError(RassomError):
    """The payment is not the one that the order is for; nothing was credited."""

    code = "payment_mismatch"
    status = 409
    title = "This payment does not fit its order"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The payment does not fit its order: {reason}. Nothing was credited.", reason=reason)


class RefundInFlightError(RassomError):
    """This payment is being given back already; nothing was changed by this request."""

    code = "refund_in_flight"
    status = 409
    title = "This payment is being given back already"

    def __init__(self) -> None:
        super().__init__("Telegram is being asked to give this payment back already.")


class RefundRefusedError(RassomError):
    """Telegram refused to give the Stars back; the credits that were set aside are in the wallet again."""

    code = "refund_refused"
    status = 409
    title = "Telegram refused the refund"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Telegram refused: {reason}. The credits are in the wallet again.")


class RefundUnknownError(RassomError):
    """Whether Telegram gave the Stars back is not known yet; the credits stay set aside until it is."""

    code = "refund_unknown"
    status = 503
    title = "Telegram did not say whether it gave the Stars back"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"It is not known yet whether the Stars went back: {reason}. The worker asks again within the hour,"
            " and `rassom payments reconcile` does at once."
        )


class TelegramUnavailableError(RassomError):
    """Telegram's list of transactions could not be read; what was compared so far stays compared."""

    code = "telegram_unavailable"
    status = 503
    title = "Telegram cannot be asked at the moment"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Telegram's transactions could not be read: {reason}.")


class TelegramNotConfiguredError(RassomError):
    """There is no bot's token: Telegram cannot be asked, and nothing was changed."""

    code = "telegram_not_configured"
    status = 503
    title = "No bot is configured"

    def __init__(self) -> None:
        super().__init__("This needs the bot's token: set BOT_TOKEN.")
