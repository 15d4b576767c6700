"""What tests of payments are made of: orders for credits, and what Telegram says of the money."""

import itertools
from typing import Any
from uuid import uuid4

import httpx2

from tests.factories import Shop, new_telegram_id

TEN, FIFTY = 1, 2
"""The first two packages of a fresh shop: 10 credits for 50 Stars, 50 for 225."""

_charge_ids = itertools.count(1)


def new_charge_id() -> str:
    """A charge id that nobody has seen before."""
    return f"stx-test-{next(_charge_ids)}"


async def buy(shop: Shop, telegram_id: int, package_id: int = TEN, *, key: str | None = None) -> httpx2.Response:
    """Ask for an order, under a key of its own unless one is named."""
    body = {"telegram_id": telegram_id, "package_id": package_id}
    return await shop.http.post("/payments/orders", json=body, headers={"Idempotency-Key": key or str(uuid4())})


async def an_order_of_credits(shop: Shop, telegram_id: int | None = None, package_id: int = TEN) -> dict[str, Any]:
    """An order that was made, by somebody new unless somebody is named."""
    answer = await buy(shop, telegram_id or new_telegram_id(), package_id)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


def money_for(order: dict[str, Any], **other: Any) -> dict[str, Any]:
    """What Telegram says of money that fits this order; `other` is what does not, or more."""
    fitting = {
        "telegram_id": order["telegram_id"],
        "payload": order["id"],
        "currency": "XTR",
        "total_amount": order["price_stars"],
    }
    return {**fitting, **other}


async def pay(shop: Shop, order: dict[str, Any], charge_id: str | None = None, **other: Any) -> httpx2.Response:
    """The bot tells of a successful payment."""
    told = money_for(order, telegram_payment_charge_id=charge_id or new_charge_id(), **other)
    return await shop.http.post("/payments/charges", json=told)


async def a_paid_order(shop: Shop, telegram_id: int | None = None, package_id: int = TEN) -> tuple[dict[str, Any], str]:
    """An order that was paid, and its charge id."""
    order, charge_id = await an_order_of_credits(shop, telegram_id, package_id), new_charge_id()
    answer = await pay(shop, order, charge_id)
    assert answer.status_code == 200, answer.text
    return answer.json()["order"], charge_id


async def tell_of_refund(shop: Shop, order: dict[str, Any], charge_id: str) -> httpx2.Response:
    """The bot tells that the Stars of a payment went back."""
    told = {"telegram_id": order["telegram_id"], "telegram_payment_charge_id": charge_id}
    return await shop.http.post("/payments/refunds/notice", json=told)


async def moves(shop: Shop, telegram_id: int) -> list[tuple[str, int]]:
    """The person's statement of payments, the oldest first."""
    lines = (await shop.http.get(f"/users/{telegram_id}/ledger", params={"limit": 100})).json()["items"]
    return [(line["entry_type"], line["amount"]) for line in reversed(lines) if line["entry_type"] in {"topup", "refund"}]
