"""Keyboards: which ones Telegram takes, and in which words it refuses the others."""

from typing import Any
from urllib.parse import urlsplit

from telegram_simulator.errors import TelegramError, bad_request
from telegram_simulator.params import Params

CALLBACK_DATA_BYTES_MAX = 64
BUTTONS_MAX = 100
COPY_TEXT_MAX = 256
_ACTIONS = [
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
]
_URL_SCHEMES = {"http", "https", "tg", "ton"}


def read_markup(params: Params, *, is_invoice: bool = False) -> dict[str, Any] | None:
    """Return the checked `reply_markup`, or None when there is none; raises TelegramError for one that cannot be."""
    markup = params.tree("reply_markup", "reply keyboard markup")
    if markup is None or markup == {}:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        return _inline(markup["inline_keyboard"], is_invoice=is_invoice)
    if is_invoice:
        raise bad_request("inline keyboard expected")
    if "keyboard" in markup:
        return _reply_keyboard(markup)
    if markup.get("remove_keyboard") is True or markup.get("force_reply") is True:
        return markup
    raise bad_request("object expected as reply markup")


def read_inline(params: Params, *, is_invoice: bool = False) -> dict[str, Any] | None:
    """Return the inline keyboard of an edit, or None; another kind of keyboard cannot be put under a message that stands."""
    markup = read_markup(params, is_invoice=is_invoice)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    return markup


def _rows(rows: object, what: str) -> list[list[Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(f"can't parse {what}: Field must be an Array of Array")
    return [row for row in rows if row]


def _inline(given: object, *, is_invoice: bool) -> dict[str, Any] | None:
    rows = [[_button(button) for button in row] for row in _rows(given, "inline keyboard")]
    buttons = [button for row in rows for button in row]
    if len(buttons) > BUTTONS_MAX:
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    paying = [place for place, button in enumerate(buttons) if "pay" in button]
    if paying and (not is_invoice or paying != [0]):
        raise bad_request("BUTTON_POS_INVALID" if is_invoice else "BUTTON_TYPE_INVALID")
    if is_invoice and buttons and not paying:
        raise bad_request("REPLY_MARKUP_BUY_EMPTY")
    return {"inline_keyboard": rows} if rows else None


def _button(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _broken("expected an Object")
    button = {name: value for name, value in given.items() if value is not None}
    if not isinstance(button.get("text"), str):
        raise _broken('Can\'t find field "text"')
    if not button["text"].strip():
        raise bad_request("inline keyboard button text must be non-empty")
    actions = [name for name in _ACTIONS if name in button]
    if not actions:
        raise _broken("Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise _broken(f"exactly one of the optional fields must be used, got {', '.join(actions)}")
    _check_action(button, actions[0])
    return button


def _check_action(button: dict[str, Any], action: str) -> None:
    value = button[action]
    if action == "callback_data" and (not isinstance(value, str) or not 0 < len(value.encode()) <= CALLBACK_DATA_BYTES_MAX):
        raise bad_request("BUTTON_DATA_INVALID")
    if action == "url":
        _check_url(value, _URL_SCHEMES)
    if action in {"web_app", "login_url"}:
        _check_url(value.get("url") if isinstance(value, dict) else None, {"https"})
    if action == "copy_text" and not (isinstance(value, dict) and 0 < len(str(value.get("text", ""))) <= COPY_TEXT_MAX):
        raise bad_request("BUTTON_COPY_TEXT_INVALID")


def _check_url(url: object, schemes: set[str]) -> None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in schemes or not (parts.netloc or parts.path):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def _reply_keyboard(markup: dict[str, Any]) -> dict[str, Any]:
    for row in _rows(markup["keyboard"], "keyboard"):
        for button in row:
            text = button.get("text") if isinstance(button, dict) else button
            if not isinstance(text, str) or not text.strip():
                raise bad_request("keyboard button text must be non-empty")
    return markup


def _broken(what: str) -> TelegramError:
    return bad_request(f"can't parse inline keyboard button: {what}")
