"""Every method of the Bot API this Telegram knows, and how a call is answered, faults included."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.responses import HTMLResponse, JSONResponse, Response

from telegram_simulator import methods_bot, methods_edits, methods_messages, methods_payments
from telegram_simulator.errors import ConnectionCut, TelegramError
from telegram_simulator.faults import Fault
from telegram_simulator.params import Params
from telegram_simulator.program import Telegram

Method = Callable[[Telegram, Params], Awaitable[object]]
_BAD_GATEWAY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)

METHODS: dict[str, Method] = {
    "getMe": methods_bot.get_me,
    "getUpdates": methods_bot.get_updates,
    "setWebhook": methods_bot.set_webhook,
    "deleteWebhook": methods_bot.delete_webhook,
    "getWebhookInfo": methods_bot.get_webhook_info,
    "getChat": methods_bot.get_chat,
    "setMyCommands": methods_bot.set_my_commands,
    "getMyCommands": methods_bot.get_my_commands,
    "deleteMyCommands": methods_bot.delete_my_commands,
    "setMyName": methods_bot.set_my_name,
    "getMyName": methods_bot.get_my_name,
    "setMyDescription": methods_bot.set_my_description,
    "getMyDescription": methods_bot.get_my_description,
    "setMyShortDescription": methods_bot.set_my_short_description,
    "getMyShortDescription": methods_bot.get_my_short_description,
    "setChatMenuButton": methods_bot.set_chat_menu_button,
    "sendMessage": methods_messages.send_message,
    "sendPhoto": methods_messages.send_photo,
    "sendDocument": methods_messages.send_document,
    "sendMediaGroup": methods_messages.send_media_group,
    "sendChatAction": methods_messages.send_chat_action,
    "getFile": methods_messages.get_file,
    "editMessageText": methods_edits.edit_message_text,
    "editMessageCaption": methods_edits.edit_message_caption,
    "editMessageMedia": methods_edits.edit_message_media,
    "editMessageReplyMarkup": methods_edits.edit_message_reply_markup,
    "deleteMessage": methods_edits.delete_message,
    "deleteMessages": methods_edits.delete_messages,
    "sendInvoice": methods_payments.send_invoice,
    "createInvoiceLink": methods_payments.create_invoice_link,
    "answerPreCheckoutQuery": methods_payments.answer_pre_checkout_query,
    "answerCallbackQuery": methods_payments.answer_callback_query,
    "getStarTransactions": methods_payments.get_star_transactions,
    "getMyStarBalance": methods_payments.get_my_star_balance,
    "refundStarPayment": methods_payments.refund_star_payment,
}
# Telegram does not mind how a method's name is written.
_NAMES = {name.lower(): name for name in METHODS}


async def answer(telegram: Telegram, method: str, params: Params) -> Response:
    """Answer one call of the bot. Raises ConnectionCut where no answer leaves."""
    name = _NAMES.get(method.lower(), method)
    entry = telegram.log.open(name, params)
    try:
        fault = telegram.faults.find(name, params.text("chat_id"))
        if fault is not None and fault.kind == "502":
            entry |= {"ok": False, "error_code": HTTPStatus.BAD_GATEWAY}
            return HTMLResponse(_BAD_GATEWAY_PAGE, HTTPStatus.BAD_GATEWAY)
        await _strike(telegram, fault, is_after=False)
        result = await METHODS.get(name, _unknown)(telegram, params)
        await _strike(telegram, fault, is_after=True)
    except TelegramError as error:
        entry |= {"ok": False, "error_code": error.code, "description": error.description}
        headers = {"Retry-After": str(error.parameters["retry_after"])} if "retry_after" in error.parameters else None
        return JSONResponse(error.envelope, error.code, headers)
    entry["ok"] = True
    return JSONResponse({"ok": True, "result": result})


async def _unknown(_: Telegram, __: Params) -> object:
    raise TelegramError(404, "Not Found: method not found")


async def _strike(telegram: Telegram, fault: Fault | None, *, is_after: bool) -> None:
    """Let the fault strike, before the call is carried out or after; raises TelegramError or ConnectionCut."""
    if fault is None or fault.is_after != is_after:
        return
    if fault.kind == "timeout":
        await telegram.hold(fault.seconds)
    if fault.kind in {"timeout", "cut_after"}:
        raise ConnectionCut
    raise fault.refusal()
