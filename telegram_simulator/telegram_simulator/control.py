"""The control API under /sim, for this machine only: play people, look at chats, switch faults."""

import asyncio
import base64
import binascii
import ipaddress
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from telegram_simulator.chats import Chat, Message
from telegram_simulator.errors import TelegramError
from telegram_simulator.faults import KINDS, FaultError, fault_from_json
from telegram_simulator.page import SHOWN_MAX, Page
from telegram_simulator.people import PlayError, note_refund
from telegram_simulator.program import Telegram

WAIT_S_MAX = 60.0


def refused_from_afar(request: Request) -> Response | None:
    """Return the 403 for a caller on another machine: the control API asks for no token."""
    host = request.client.host if request.client else ""
    try:
        is_near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_near = False
    return None if is_near else JSONResponse({"error": "the control API answers loopback callers only"}, 403)


async def json_object(request: Request) -> dict[str, Any]:
    """Return the request's JSON object, an empty one for an empty body; raises PlayError 400 for anything else."""
    if not await request.body():
        return {}
    try:
        body = await request.json()
    except ValueError as error:
        raise PlayError(400, "the body must be JSON") from error
    if not isinstance(body, dict):
        raise PlayError(400, "the body must be a JSON object")
    return body


def whole_number(value: object, name: str) -> int:
    """Return the value; raises PlayError 400 when it is no whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlayError(400, f"{name} must be a whole number")
    return value


def chat_at(telegram: Telegram, chat_id: str) -> Chat:
    """Return the chat; raises PlayError 404 for an unknown one."""
    chat = telegram.chats.chats.get(int(chat_id)) if chat_id.removeprefix("-").isdecimal() else None
    if chat is None:
        raise PlayError(404, f"no chat {chat_id}")
    return chat


def pictures_of(body: dict[str, Any]) -> list[tuple[str, bytes]]:
    """Return names and bytes of the pictures of a control request; raises PlayError 400."""
    given, names = body.get("pictures"), body.get("names") or []
    if not isinstance(given, list) or not 1 <= len(given) <= 10 or not isinstance(names, list):  # noqa: PLR2004 - an album has ten
        raise PlayError(400, "pictures must be 1 to 10 texts in base64, names a list of texts")
    try:
        contents = [base64.b64decode(picture, validate=True) for picture in given]
    except (TypeError, binascii.Error, ValueError) as error:
        raise PlayError(400, "pictures must be texts in base64") from error
    return [(str(names[place]) if place < len(names) else _name(place, content), content) for place, content in enumerate(contents)]


def _name(place: int, content: bytes) -> str:
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff\xe0": "jpg", b"\xff\xd8\xff\xe1": "jpg", b"RIFF": "webp", b"GIF8": "gif"}
    return f"IMG_{place + 1:04d}.{kinds.get(content[:4], 'bin')}"


def shown_message(telegram: Telegram, message: Message) -> dict[str, Any]:
    """Return a message as tests look at it."""
    body = message.body
    return {
        "message_id": message.message_id,
        "from": "bot" if message.from_id == telegram.bot.id else "user",
        "from_id": message.from_id,
        "date": message.date,
        "text": body.get("text"),
        "caption": body.get("caption"),
        "entities": body.get("entities") or body.get("caption_entities") or [],
        "photo": body.get("photo"),
        "document": body.get("document"),
        "media_group_id": body.get("media_group_id"),
        "invoice": None if message.invoice is None else body["invoice"] | message.invoice,
        "successful_payment": body.get("successful_payment"),
        "refunded_payment": body.get("refunded_payment"),
        "reply_markup": message.markup,
        "reply_to": message.reply_to,
        "edits": message.edits,
        "deleted": message.is_deleted,
    }


async def list_chats(_: Request, telegram: Telegram) -> Response:
    """`GET /sim/chats`: every chat without its messages."""
    chats = [chat.kept() | {"messages": len(chat.messages)} for chat in telegram.chats.chats.values()]
    return JSONResponse({"chats": chats})


async def read_chat(request: Request, telegram: Telegram) -> Response:
    """`GET /sim/chats/{id}?newer_than=V&wait_s=S`: with `newer_than` it waits until the chat's version is above it."""
    chat = chat_at(telegram, request.path_params["chat_id"])
    query = request.query_params
    try:
        newer_than, wait_s = int(query.get("newer_than", -1)), min(float(query.get("wait_s", 0)), WAIT_S_MAX)
    except ValueError as error:
        raise PlayError(400, "newer_than and wait_s must be numbers") from error
    try:
        async with asyncio.timeout(wait_s):
            while chat.version <= newer_than and not telegram.closing.is_set():
                await chat.changed.wait()
    except TimeoutError:
        pass
    messages = [shown_message(telegram, message) for message in chat.messages.values()]
    return JSONResponse(chat.kept() | {"version": chat.version, "messages": messages})


async def read_page(request: Request, telegram: Telegram) -> Response:
    """`GET /sim/chats/{id}/page?lang=&last=`: the chat as a phone shows it, in the person's language when none is named."""
    chat = chat_at(telegram, request.path_params["chat_id"])
    user = telegram.chats.users.get(chat.id)
    language = request.query_params.get("lang") or (user.language_code if user else None) or "en"
    last = request.query_params.get("last", str(SHOWN_MAX))
    if not last.isdecimal() or not 0 < int(last) <= SHOWN_MAX:
        raise PlayError(400, f"last must be a number of messages, 1 to {SHOWN_MAX}")
    return HTMLResponse(await Page(telegram, chat, language, int(last)).html())


async def read_file(request: Request, telegram: Telegram) -> Response:
    """`GET /sim/files/{file_id}`: the bytes, as a person would save them."""
    file = telegram.files.find(request.path_params["file_id"])
    content = None if file is None else await telegram.files.content(file)
    if file is None or content is None:
        raise PlayError(404, "no such file, or its bytes had to make room")
    return Response(content, media_type=file.content_type)


async def list_faults(_: Request, telegram: Telegram) -> Response:
    """`GET /sim/faults`: those that are on, with how often each struck, and the kinds there are."""
    return JSONResponse({"faults": [asdict(fault) for fault in telegram.faults.faults], "kinds": KINDS})


async def add_fault(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/faults` `{"method", "kind", "times": 1, "every": 1, "retry_after", "seconds", "chat_id"}`."""
    try:
        fault = fault_from_json(await json_object(request))
    except FaultError as error:
        raise PlayError(400, str(error)) from error
    telegram.faults.faults.append(fault)
    return JSONResponse(asdict(fault), 201)


async def clear_faults(_: Request, telegram: Telegram) -> Response:
    """`DELETE /sim/faults`: all off."""
    cleared = len(telegram.faults.faults)
    telegram.faults.faults.clear()
    return JSONResponse({"cleared": cleared})


async def read_log(request: Request, telegram: Telegram) -> Response:
    """`GET /sim/log?method=`: the bot's calls, oldest first."""
    entries = telegram.log.entries(request.query_params.get("method", ""))
    return JSONResponse({"count": len(entries), "requests": entries})


async def clear_log(_: Request, telegram: Telegram) -> Response:
    """`DELETE /sim/log`."""
    telegram.log.clear()
    return JSONResponse({})


async def list_transactions(_: Request, telegram: Telegram) -> Response:
    """`GET /sim/star-transactions`: all of them, the oldest first."""
    return JSONResponse(
        {"transactions": [asdict(entry) for entry in telegram.stars.transactions], "balance": telegram.stars.balance}
    )


async def refund_elsewhere(request: Request, telegram: Telegram) -> Response:
    """`POST /sim/star-transactions/{charge_id}/refund` `{"drop_update": false}`: a refund the bot did not ask for."""
    body, charge_id = await json_object(request), request.path_params["charge_id"]
    payment = telegram.stars.payments.get(charge_id)
    if payment is None:
        raise PlayError(404, "no such payment")
    try:
        refund = telegram.stars.refund(payment.user["id"], charge_id)
    except TelegramError as error:
        raise PlayError(409, error.description) from error
    note_refund(telegram, refund, drops_update=bool(body.get("drop_update")))
    return JSONResponse(asdict(refund))


async def read_profile(_: Request, telegram: Telegram) -> Response:
    """`GET /sim/profile`: what the bot says of itself."""
    return JSONResponse(telegram.profile)


async def list_updates(_: Request, telegram: Telegram) -> Response:
    """`GET /sim/updates`: what the bot has not confirmed."""
    return JSONResponse({"updates": [update.wire() for update in telegram.updates.pending.values()]})


async def reset(_: Request, telegram: Telegram) -> Response:
    """`POST /sim/reset`: nobody, nothing, no faults."""
    telegram.reset()
    return JSONResponse({})
