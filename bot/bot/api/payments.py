"""Calls about credits for Stars."""

from typing import Any
from uuid import UUID

from bot.api.client import ApiClient
from bot.api.wire import Charged, Nothing, Package, PaymentOrder, PreCheckout

# Telegram gives up on a payment after ten seconds without an answer.
PRE_CHECKOUT_TIMEOUT_S = 4.0


async def packages(api: ApiClient) -> list[Package]:
    """What is on sale."""
    return await api.get("/payments/packages", list[Package])


async def order(api: ApiClient, telegram_id: int, package_id: int, *, key: str) -> PaymentOrder:
    """Order a package: freezes its price."""
    return await api.post("/payments/orders", PaymentOrder, {"telegram_id": telegram_id, "package_id": package_id}, key=key)


async def pre_checkout(api: ApiClient, telegram_id: int, *, payload: str, currency: str, total_amount: int) -> PreCheckout:
    """Whether this payment may go on."""
    body = {"telegram_id": telegram_id, "payload": payload, "currency": currency, "total_amount": total_amount}
    return await api.post("/payments/pre-checkout", PreCheckout, body, timeout_s=PRE_CHECKOUT_TIMEOUT_S)


async def charge(api: ApiClient, charged: dict[str, Any]) -> Charged:
    """Take over a payment; once per charge id, whoever sends it."""
    return await api.post("/payments/charges", Charged, charged)


async def note_refund(api: ApiClient, telegram_id: int, charge_id: str) -> None:
    """Stars went back to somebody."""
    await api.post("/payments/refunds/notice", Nothing, {"telegram_id": telegram_id, "telegram_payment_charge_id": charge_id})


def is_order_id(payload: str) -> bool:
    """Whether an invoice's payload is one of ours."""
    try:
        UUID(payload)
    except ValueError:
        return False
    return True
