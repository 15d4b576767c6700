"""Methods about the bot itself and about its updates."""

import re
from typing import Any
from urllib.parse import urlsplit

from telegram_simulator.errors import bad_request
from telegram_simulator.params import Params
from telegram_simulator.program import Telegram
from telegram_simulator.updates import Subscription

COMMANDS_MAX = 100
CONNECTIONS_MAX = 100
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LENGTHS = {"name": 64, "description": 512, "short_description": 120}
COMMAND_TEXT_MAX = 256


async def get_me(telegram: Telegram, _: Params) -> object:
    """`getMe`."""
    return {
        "id": telegram.bot.id,
        "is_bot": True,
        "first_name": telegram.bot.first_name,
        "username": telegram.bot.username,
        "can_join_groups": True,
        "can_read_all_group_messages": True,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def get_chat(telegram: Telegram, params: Params) -> object:
    """`getChat`: what every chat has."""
    chat = telegram.chats.writable(params.text("chat_id"))
    return telegram.chats.chat_wire(chat) | {"accent_color_id": 0, "max_reaction_count": 11}


def _scope(params: Params) -> str:
    """Commands and texts are kept for each scope and language apart."""
    scope = params.tree("scope", "scope") or {}
    kind = scope.get("type", "default") if isinstance(scope, dict) else "default"
    chat = scope.get("chat_id", "") if isinstance(scope, dict) else ""
    return f"{kind}:{chat}:{params.text('language_code')}"


async def set_my_commands(telegram: Telegram, params: Params) -> object:
    """`setMyCommands`."""
    commands = params.tree("commands", "commands")
    if not isinstance(commands, list) or len(commands) > COMMANDS_MAX:
        raise bad_request("can't parse commands: expected an Array of BotCommand")
    for command in commands:
        if not isinstance(command, dict) or not _COMMAND.fullmatch(str(command.get("command", "")).removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 0 < len(str(command.get("description", ""))) <= COMMAND_TEXT_MAX:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    telegram.set_profile(f"commands:{_scope(params)}", commands)
    return True


async def get_my_commands(telegram: Telegram, params: Params) -> object:
    """`getMyCommands`."""
    return telegram.profile.get(f"commands:{_scope(params)}", [])


async def delete_my_commands(telegram: Telegram, params: Params) -> object:
    """`deleteMyCommands`."""
    telegram.set_profile(f"commands:{_scope(params)}", [])
    return True


def _set_text(telegram: Telegram, params: Params, name: str) -> object:
    text = params.text(name)
    if len(text) > _LENGTHS[name]:
        raise bad_request(f"{name} is too long")
    telegram.set_profile(f"{name}:{params.text('language_code')}", text)
    return True


def _get_text(telegram: Telegram, params: Params, name: str) -> object:
    known = telegram.profile
    return {name: known.get(f"{name}:{params.text('language_code')}") or known.get(f"{name}:", "")}


async def set_my_name(telegram: Telegram, params: Params) -> object:
    """`setMyName`."""
    return _set_text(telegram, params, "name")


async def get_my_name(telegram: Telegram, params: Params) -> object:
    """`getMyName`."""
    return _get_text(telegram, params, "name")


async def set_my_description(telegram: Telegram, params: Params) -> object:
    """`setMyDescription`."""
    return _set_text(telegram, params, "description")


async def get_my_description(telegram: Telegram, params: Params) -> object:
    """`getMyDescription`."""
    return _get_text(telegram, params, "description")


async def set_my_short_description(telegram: Telegram, params: Params) -> object:
    """`setMyShortDescription`."""
    return _set_text(telegram, params, "short_description")


async def get_my_short_description(telegram: Telegram, params: Params) -> object:
    """`getMyShortDescription`."""
    return _get_text(telegram, params, "short_description")


async def set_chat_menu_button(telegram: Telegram, params: Params) -> object:
    """`setChatMenuButton`."""
    button = params.tree("menu_button", "menu button") or {"type": "default"}
    if not isinstance(button, dict) or button.get("type") not in {"default", "commands", "web_app"}:
        raise bad_request("can't parse menu button: unsupported type")
    telegram.set_profile(f"menu_button:{params.text('chat_id')}", button)
    return True


async def get_updates(telegram: Telegram, params: Params) -> object:
    """`getUpdates`: answered when there is something, or when the time is over."""
    allowed = _allowed(params)
    waiting = await telegram.updates.poll(
        params.integer("offset"), params.integer("limit", 100), params.integer("timeout"), allowed
    )
    return [update.wire() for update in waiting]


def _allowed(params: Params) -> list[str] | None:
    """Which kinds the bot wants: None leaves it as it is, an empty list is what every bot gets."""
    allowed = params.tree("allowed_updates", "allowed_updates")
    if allowed is None:
        return None
    if not isinstance(allowed, list):
        raise bad_request("can't parse allowed_updates: expected an Array of String")
    return [str(kind) for kind in allowed]


async def set_webhook(telegram: Telegram, params: Params) -> object:
    """`setWebhook`: https, or plain http to this machine, as a Bot API server of one's own allows."""
    url, secret = params.text("url"), params.text("secret_token")
    if params.boolean("drop_pending_updates"):
        telegram.updates.drop_pending()
    allowed = _allowed(params)
    kept = telegram.updates.subscription.allowed if allowed is None else allowed
    if not url:
        telegram.updates.subscribe(Subscription(allowed=kept))
        return True
    if secret and not _SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    _check_webhook(url)
    connections = min(max(params.integer("max_connections", 40), 1), CONNECTIONS_MAX)
    telegram.updates.subscribe(Subscription(url, secret, connections, kept))
    return True


def _check_webhook(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise bad_request("invalid webhook URL specified") from error
    if not host:
        raise bad_request("invalid webhook URL specified")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")


async def delete_webhook(telegram: Telegram, params: Params) -> object:
    """`deleteWebhook`."""
    if params.boolean("drop_pending_updates"):
        telegram.updates.drop_pending()
    if telegram.updates.subscription.url:
        telegram.updates.subscribe(Subscription(allowed=telegram.updates.subscription.allowed))
    return True


async def get_webhook_info(telegram: Telegram, _: Params) -> object:
    """`getWebhookInfo`."""
    known = telegram.updates.subscription
    info: dict[str, Any] = {
        "url": known.url,
        "has_custom_certificate": False,
        "pending_update_count": len(telegram.updates.pending),
    }
    if known.url:
        info["max_connections"] = known.max_connections
    if known.last_error_date:
        info |= {"last_error_date": known.last_error_date, "last_error_message": known.last_error_message}
    if known.allowed:
        info["allowed_updates"] = known.allowed
    return info
