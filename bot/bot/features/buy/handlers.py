"""Credits for Stars: package, order, invoice, pre-checkout, payment. The API decides; here it is only asked and told."""

import asyncio
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, LabeledPrice, Message, PreCheckoutQuery

from bot.api import payments
from bot.api.errors import ApiAwayError, ApiError, ApiRefusalError
from bot.api.wire import Charged
from bot.buttons import Open, back_keyboard, opening, tapped
from bot.features.buy.keyboards import Buy, packages_keyboard
from bot.logs import get_logger
from bot.people import Person
from bot.shop import Shop
from bot.showing import show

router = Router(name=__name__)

STARS = "XTR"
# A payment is insisted on for so long; what the API could not take over by then, its hourly comparison with Telegram does.
INSIST_S = 120.0
INSIST_EVERY_MAX_S = 10.0

_log = get_logger(__name__)


@router.message(Command("buy"))
@router.callback_query(Open.filter(F.screen == "buy"))
async def buy(event: Message | CallbackQuery, person: Person, shop: Shop) -> None:
    """What is on sale."""
    packages = await payments.packages(shop.api)
    text = person.t("buy") if packages else person.t("buy-nothing")
    await show(event, text, packages_keyboard(person.t, packages))


@router.callback_query(Buy.filter())
async def invoice(query: CallbackQuery, callback_data: Buy, person: Person, shop: Shop) -> None:
    """Order a package and send its invoice. The same tap again is the same order, which can be paid once."""
    order = await payments.order(shop.api, person.telegram_id, callback_data.package_id, key=f"tg-tap-{query.id}")
    await query.answer()
    title = person.t.plain("invoice-title", credits=order.credits)
    await tapped(query).answer_invoice(
        title=title,
        description=person.t.plain("invoice-description", credits=order.credits),
        payload=str(order.id),
        currency=STARS,
        prices=[LabeledPrice(label=title, amount=order.price_stars)],
        provider_token="",
    )


@router.pre_checkout_query()
async def pre_checkout(query: PreCheckoutQuery, person: Person, shop: Shop) -> None:
    """Whether the payment may go on, by the order. Without an answer of the API it may not: nothing is taken then."""
    try:
        decision = await payments.pre_checkout(
            shop.api,
            query.from_user.id,
            payload=query.invoice_payload,
            currency=query.currency,
            total_amount=query.total_amount,
        )
    except ApiError as error:
        _log.warning("pre_checkout_not_decided", code=error.code)
        await query.answer(ok=False, error_message=person.t.plain("checkout-later"))
        return
    name = f"checkout-{(decision.code or 'later').replace('_', '-')}"
    reason = None if decision.ok else person.t.plain(name if person.t.has(name) else "checkout-later")
    await query.answer(ok=decision.ok, error_message=reason)


@router.message(F.successful_payment)
async def paid(message: Message, person: Person, shop: Shop) -> None:
    """Money came: credits for it, once per charge however often this is told."""
    payment = message.successful_payment
    if payment is None:
        return
    charged = await _insist(
        shop,
        {
            "telegram_id": person.telegram_id,
            "payload": payment.invoice_payload,
            "currency": payment.currency,
            "total_amount": payment.total_amount,
            "telegram_payment_charge_id": payment.telegram_payment_charge_id,
        },
    )
    if charged is None:
        await message.answer(person.t("paid-later"))
        return
    text = person.t("paid", credits=charged.order.credits, balance=charged.balance)
    await message.answer(text, reply_markup=back_keyboard(person.t, [opening(person.t, "generate")]))


@router.message(F.refunded_payment)
async def refunded(message: Message, person: Person, shop: Shop) -> None:
    """Stars went back."""
    if message.refunded_payment:
        await payments.note_refund(shop.api, person.telegram_id, message.refunded_payment.telegram_payment_charge_id)
        await message.answer(person.t("refunded", stars=message.refunded_payment.total_amount))


async def _insist(shop: Shop, charge: dict[str, Any]) -> Charged | None:
    waited_s, wait_s = 0.0, 0.5
    while True:
        try:
            return await payments.charge(shop.api, charge)
        except ApiRefusalError as error:
            if error.status < 500:  # noqa: PLR2004 - the API has looked, and an operator has to
                _log.exception("payment_refused", code=error.code, charge_id=charge["telegram_payment_charge_id"])
                return None
        except ApiAwayError:
            _log.warning("payment_waits", charge_id=charge["telegram_payment_charge_id"])
        if waited_s >= INSIST_S:
            return None
        await asyncio.sleep(wait_s)
        waited_s, wait_s = waited_s + wait_s, min(wait_s * 2, INSIST_EVERY_MAX_S)
