"""What somebody sees in a chat with the bot: messages as the Telegram simulator shows them, and questions about them."""

from collections.abc import Callable
from typing import Any

Message = dict[str, Any]


def has(data: str) -> Callable[[Message], bool]:
    """Whether a message has a button whose data begins with this."""
    return lambda message: any(each.startswith(data) for each in buttons(message))


def says(*words: str) -> Callable[[Message], bool]:
    """Whether a message says all of this."""
    return lambda message: all(word in (message["text"] or message["caption"] or "") for word in words)


def is_picture(message: Message) -> bool:
    """Whether a message is a picture with its preview."""
    return bool(message["photo"])


def is_file(message: Message) -> bool:
    """Whether a message is the original file."""
    return bool(message["document"])


def buttons(message: Message) -> list[str]:
    """The data of a message's buttons."""
    rows = (message["reply_markup"] or {}).get("inline_keyboard", [])
    return [each.get("callback_data", "") for row in rows for each in row]


def labels(message: Message) -> list[str]:
    """What the buttons of a message say."""
    return [each["text"] for row in (message["reply_markup"] or {}).get("inline_keyboard", []) for each in row]


def data_of(message: Message, begins: str) -> str:
    """The data of the button that begins with this."""
    found = [each for each in buttons(message) if each.startswith(begins)]
    assert found, f"no button {begins}: {buttons(message)}"
    return found[0]
