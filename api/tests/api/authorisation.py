"""Who may ask what: a row for each route. The matrix that is made of them stands in test_authorisation.py."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.factories import an_order

OK = frozenset({200})
ORDER_ID = "019e5d2a-6b1c-7c52-9d39-1f6f2a3b4c5d"  # of an order that nobody has made


@dataclass(frozen=True)
class Target:
    """Somebody, and a generation of theirs."""

    telegram_id: int
    ref: int | str


@dataclass(frozen=True)
class Row:
    """One route: whom it is open to, what is sent to it about a target, and what an allowed caller gets."""

    who: Literal["everybody", "actor", "person", "bot", "admin"]
    ask: Callable[[Target], dict[str, Any]] = lambda _: {}
    done: frozenset[int] = OK
    absent: frozenset[int] = field(default_factory=lambda: frozenset({404}))  # a bot asks about somebody nobody has seen
    hidden: str = "user_not_found"


def query(target: Target) -> dict[str, Any]:
    return {"params": {"telegram_id": target.telegram_id}}


def body(target: Target) -> dict[str, Any]:
    return {"json": {"telegram_id": target.telegram_id}}


def grant(target: Target) -> dict[str, Any]:
    order = {"telegram_id": target.telegram_id, "amount": 1, "reason": "test"}
    return {"json": order, "headers": {"Idempotency-Key": f"grant-{target.telegram_id}"}}


def broadcast(target: Target) -> dict[str, Any]:
    return {"json": {"text": "hello"}, "headers": {"Idempotency-Key": f"broadcast-{target.telegram_id}"}}


def saying(**content: Any) -> Callable[[Target], dict[str, Any]]:
    """A body that is the same whoever it is about."""
    return lambda _: {"json": content}


def picture(_: Target) -> dict[str, Any]:
    return {"files": {"file": ("a.png", b"not a picture", "image/png")}}


def buy(target: Target) -> dict[str, Any]:
    order = {"telegram_id": target.telegram_id, "package_id": 1}
    return {"json": order, "headers": {"Idempotency-Key": f"buy-{target.telegram_id}"}}


def money(target: Target, **more: Any) -> dict[str, Any]:
    told = {"telegram_id": target.telegram_id, "payload": ORDER_ID, "currency": "XTR", "total_amount": 50}
    return {"json": {**told, **more}}


def refund_notice(target: Target) -> dict[str, Any]:
    return {"json": {"telegram_id": target.telegram_id, "telegram_payment_charge_id": "stx-1"}}


OPEN = Row("everybody")
PERSON = Row("person")
GENERATION = Row("person", query, hidden="generation_not_found")
NO_BROADCAST = Row("admin", done=frozenset({404}))

ROWS = {
    "GET /": OPEN,
    "GET /openapi.json": OPEN,
    "GET /docs": OPEN,
    "GET /docs/oauth2-redirect": OPEN,
    "GET /redoc": OPEN,
    "GET /docs/errors": OPEN,
    "GET /api/v1/health": OPEN,
    "GET /api/v1/ready": OPEN,
    "GET /api/v1/info": OPEN,
    "GET /api/v1/models": OPEN,
    "GET /api/v1/sizes": OPEN,
    "POST /api/v1/users/sync": Row("person", body, absent=OK),
    "GET /api/v1/users/{telegram_id}/balance": PERSON,
    "GET /api/v1/users/{telegram_id}/trial": PERSON,
    "GET /api/v1/users/{telegram_id}/ledger": PERSON,
    "POST /api/v1/generations/submit": Row(
        "person", lambda target: {"json": an_order(target.telegram_id)}, done=frozenset({202, 409}), absent=frozenset({202, 409})
    ),
    "GET /api/v1/generations": Row("person", query, absent=frozenset({200, 404})),
    "GET /api/v1/generations/active": Row("person", query, absent=OK),
    "GET /api/v1/generations/{ref}": GENERATION,
    "GET /api/v1/generations/{ref}/results": GENERATION,
    "GET /api/v1/generations/{ref}/events": GENERATION,
    "POST /api/v1/generations/{ref}/refresh": Row("person", body, hidden="generation_not_found"),
    "POST /api/v1/generations/{ref}/cancel": Row("person", body, done=frozenset({200, 409}), hidden="generation_not_found"),
    "GET /api/v1/generations/{ref}/files": GENERATION,
    "GET /api/v1/events": Row("bot"),
    "GET /api/v1/feed-cursors/{name}": Row("bot"),
    "PUT /api/v1/feed-cursors/{name}": Row("bot", saying(last_event_id=1)),
    "GET /api/v1/users/{telegram_id}/preferences": Row("bot", done=frozenset({200, 404})),
    "PUT /api/v1/users/{telegram_id}/preferences": Row("bot", saying(language="uz"), done=frozenset({200, 404})),
    "POST /api/v1/deliveries/claim": Row("bot", saying(limit=1, lease_seconds=1)),
    # The orders of this stage wait: none of them has a delivery yet.
    "POST /api/v1/deliveries/{generation_id}/start": Row("bot", saying(epoch=1), done=frozenset({404})),
    "POST /api/v1/deliveries/{generation_id}/finish": Row("bot", saying(epoch=1, state="blocked"), done=frozenset({404})),
    "POST /api/v1/media/upload": Row("actor", picture, done=frozenset({415})),
    # Has a signature of its own; without one it is told the same whatever its token is.
    "POST /api/v1/webhooks/wavespeed/{token}": Row("everybody", done=frozenset({401, 404})),
    "GET /api/v1/admin/users": Row("admin", lambda _: {"params": {"username": "nobody"}}, done=frozenset({404})),
    "GET /api/v1/admin/users/{telegram_id}": Row("admin"),
    "POST /api/v1/admin/users/{telegram_id}/ban": Row("admin", saying(reason="test")),
    "POST /api/v1/admin/users/{telegram_id}/unban": Row("admin", saying()),
    "GET /api/v1/admin/totals": Row("admin", absent=OK),
    "POST /api/v1/admin/broadcasts": Row("admin", broadcast, done=frozenset({201}), absent=frozenset({201})),
    "GET /api/v1/admin/broadcasts": Row("admin", absent=OK),
    "GET /api/v1/admin/broadcasts/{broadcast_id}": NO_BROADCAST,
    "POST /api/v1/admin/broadcasts/{broadcast_id}/stop": NO_BROADCAST,
    "POST /api/v1/admin/broadcasts/{broadcast_id}/claim": Row("admin", saying(limit=1), done=frozenset({404})),
    "POST /api/v1/admin/broadcasts/{broadcast_id}/report": Row(
        "admin", saying(claim=1, items=[{"telegram_id": 1, "state": "sent"}]), done=frozenset({404})
    ),
    "GET /api/v1/payments/packages": OPEN,
    "GET /api/v1/payments/orders/{order_id}": Row("bot", query, done=frozenset({404})),
    "POST /api/v1/payments/pre-checkout": Row("bot", money),
    "POST /api/v1/payments/charges": Row(
        "bot", lambda target: money(target, telegram_payment_charge_id="stx-1"), done=frozenset({404})
    ),
    "POST /api/v1/payments/refunds/notice": Row("bot", refund_notice, done=frozenset({404})),
    # These make whom they are about, so that nobody is absent any more: the last ones.
    "POST /api/v1/payments/orders": Row("bot", buy, done=frozenset({201})),
    "POST /api/v1/admin/credits": Row("admin", grant, absent=frozenset({200, 404})),
}
