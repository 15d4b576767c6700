"""The part of the control API that plays people: /sim/users."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from telegram_simulator import people
from telegram_simulator.chats import Chat, Message, User
from telegram_simulator.control import chat_at, json_object, pictures_of, shown_message, whole_number
from telegram_simulator.errors import TelegramError
from telegram_simulator.people import TAP_WAIT_S, PlayError
from telegram_simulator.program import Telegram

_GROUPS = {"group", "supergroup"}


async def add_user(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/users` `{"id"?, "first_name", "last_name"?, "username"?, "language_code"?}`."""
    body = await json_object(request)
    user_id = None if body.get("id") is None else whole_number(body["id"], "id")
    if not isinstance(body.get("first_name"), str) or (user_id is not None and user_id <= 0):
        raise PlayError(400, "first_name is needed, and an id above 0 if any")
    more = {name: body[name] for name in ("username", "last_name", "language_code") if isinstance(body.get(name), str)}
    return JSONResponse(telegram.chats.add_user(user_id, body["first_name"], **more).wire(), 201)


async def list_users(_: Request, telegram: Telegram) -> Response:
    """`GET /sim/users`."""
    return JSONResponse({"users": [user.wire() for user in telegram.chats.users.values()]})


def _user(request: Request, telegram: Telegram) -> User:
    user = telegram.chats.users.get(request.path_params["user_id"])
    if user is None:
        raise PlayError(404, f"nobody has the id {request.path_params['user_id']}; POST /sim/users makes people")
    return user


def _chat(telegram: Telegram, user: User, body: dict[str, Any]) -> Chat:
    """The person's own chat with the bot, or the group the request names."""
    named = body.get("chat")
    if named is None:
        return chat_at(telegram, str(user.id))
    if not isinstance(named, dict) or named.get("type", "group") not in _GROUPS:
        raise PlayError(400, 'chat must be {"id", "type": "group" or "supergroup", "title"?}')
    chat_id = whole_number(named.get("id"), "chat.id")
    if chat_id >= 0:
        raise PlayError(400, "a group's id is below 0")
    return telegram.chats.open_group(chat_id, named.get("type", "group"), str(named.get("title", "Group")))


def _message(telegram: Telegram, chat: Chat, body: dict[str, Any]) -> Message:
    message = telegram.chats.find(chat, whole_number(body.get("message_id"), "message_id"))
    if message is None:
        raise PlayError(404, f"no message {body['message_id']} in this chat")
    return message


async def text(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/users/{id}/text` `{"text", "chat"?, "reply_to"?}`."""
    user, body = _user(request, telegram), await json_object(request)
    if not isinstance(body.get("text"), str):
        raise PlayError(400, "text must be a text")
    reply_to = None if body.get("reply_to") is None else whole_number(body["reply_to"], "reply_to")
    message = people.write(telegram, user, _chat(telegram, user, body), body["text"], reply_to)
    return JSONResponse(shown_message(telegram, message), 201)


async def photo(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/users/{id}/photo` `{"pictures": [base64], "caption"?, "as_files"?, "names"?, "chat"?}`: an album when several."""
    user, body = _user(request, telegram), await json_object(request)
    caption, as_files = str(body.get("caption") or ""), bool(body.get("as_files"))
    try:
        chat = _chat(telegram, user, body)
        sent = people.send_pictures(telegram, user, chat, pictures_of(body), caption, as_files=as_files)
    except TelegramError as error:
        raise PlayError(400, error.description) from error
    return JSONResponse({"messages": [shown_message(telegram, message) for message in sent]}, 201)


async def tap(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/users/{id}/tap` `{"message_id", "data" or "text", "stale"?, "wait_s"?, "chat"?}`: the bot's answer.

    `stale` taps a button with this data that the message has no more, as a phone does that has not heard of the edit.
    """
    user, body = _user(request, telegram), await json_object(request)
    message = _message(telegram, _chat(telegram, user, body), body)
    data, wait_s = body.get("data"), body.get("wait_s", TAP_WAIT_S)
    if isinstance(wait_s, bool) or not isinstance(wait_s, int | float):
        raise PlayError(400, "wait_s must be a number of seconds")
    if not body.get("stale"):
        button = people.button_of(message, data=data, text=body.get("text"))
        if "url" in button:
            return JSONResponse({"id": None, "answered": True, "text": None, "show_alert": False, "url": button["url"]})
        data = button.get("callback_data")
    if not isinstance(data, str):
        raise PlayError(400, "this button carries no data; POST /sim/users/{id}/pay pays an invoice")
    return JSONResponse(await people.tap(telegram, user, message, data, wait_s))


async def pay(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/users/{id}/pay` `{"message_id" or "link", "drop_update"?}`: whether it was paid, and the charge."""
    user, body = _user(request, telegram), await json_object(request)
    chat = _chat(telegram, user, body)
    message: Message | None = None
    if body.get("link") is None:
        message = _message(telegram, chat, body)
        invoice = message.invoice
    else:
        invoice = telegram.stars.links.get(str(body["link"]))
    if invoice is None:
        raise PlayError(404, "that is no invoice")
    if "paid_by" in invoice:
        raise PlayError(409, "this invoice is paid already")
    drops_update = bool(body.get("drop_update"))
    return JSONResponse(await people.pay(telegram, user, chat, invoice, message, drops_update=drops_update))


async def block(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/users/{id}/block`."""
    people.set_blocked(telegram, _user(request, telegram), is_blocked=True)
    return JSONResponse({})


async def unblock(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/users/{id}/unblock`."""
    people.set_blocked(telegram, _user(request, telegram), is_blocked=False)
    return JSONResponse({})
