"""How a call to Telegram can end badly, told apart by what is known of what was asked.

TelegramError
├── RefusedError   surely not done, and Telegram says why
├── BusyError      surely not done; the same request may be taken later
└── UnknownError   it may have been done
"""


class TelegramError(Exception):
    """The root: `reason` is for the operator. It never holds the address, in which the bot's token stands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedError(TelegramError):
    """Telegram read the request and refused it. `is_about_charge`: it looked for the payment, and can tell how that one stands."""

    def __init__(self, reason: str, *, is_about_charge: bool) -> None:
        super().__init__(reason)
        self.is_about_charge = is_about_charge


class BusyError(TelegramError):
    """No byte was sent (name, refused, TLS), or 429."""


class UnknownError(TelegramError):
    """Timeout, reset, 5xx or an unreadable answer."""
