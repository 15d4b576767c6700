"""Each call of the API as a client makes it, and what kind of answer it knows. They are made in test_contract.py."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

import httpx2

from tests.api.kinds import (
    ADMIN_USER,
    BROADCAST,
    CHECK,
    CURSOR,
    ENTRY,
    GENERATION,
    MODEL,
    NUMBER,
    NUMBER_OR_NONE,
    ORDER,
    PACKAGE,
    PAID,
    PERSON,
    PREFERENCES,
    PUBLIC_ID,
    SERVICE,
    TEXT_OR_NONE,
    TIME,
    TOTALS,
    Kind,
)
from tests.factories import Shop, an_order
from tests.payments import money_for
from tests.pictures import a_picture


@dataclass(frozen=True)
class Stage:
    """A shop that has everything to ask for: somebody with a finished picture, and an order that waits."""

    shop: Shop
    telegram_id: int
    waits: dict[str, Any]
    ended_id: int
    broadcast_id: str
    order: dict[str, Any]

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        path = path.replace("{telegram_id}", str(self.telegram_id)).replace("{ref}", str(more.pop("ref", self.ended_id)))
        path = (
            path.replace("{order_id}", self.order["id"])
            .replace("{generation_id}", str(self.ended_id))
            .replace("{broadcast_id}", self.broadcast_id)
        )
        return await self.shop.http.request(method, f"{self.shop.base_url}{path}", **more)

    async def first_event(self, path: str, **query: Any) -> httpx2.Response:
        """The data of the first event, as if it were the answer."""
        async with self.shop.http.stream("GET", f"{self.shop.base_url}{path}", params=query) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            lines = stream.aiter_lines()
            seen = [await anext(lines) for _ in range(5)]
            assert [line for line in seen if line.startswith("event:")] == ["event: status"]
            (data,) = [line.removeprefix("data: ") for line in seen if line.startswith("data: ")]
            return httpx2.Response(stream.status_code, json=json.loads(data))


Asked = Callable[[Stage], Awaitable[httpx2.Response]]


def asked(method: str, path: str, **more: Any) -> Asked:
    return lambda stage: stage.ask(method, path, **more)


def about(method: str, path: str, **query: Any) -> Asked:
    """About the stage's person, in the query."""
    return lambda stage: stage.ask(method, path, params={"telegram_id": stage.telegram_id, **query})


def by(path: str, **more: Any) -> Asked:
    """For the stage's person, in the body."""
    return lambda stage: stage.ask("POST", path, json={"telegram_id": stage.telegram_id, **more})


def money(path: str, **more: Any) -> Asked:
    """Money for the stage's order, as Telegram tells of it."""
    return lambda stage: stage.ask("POST", f"/api/v1/payments/{path}", json=money_for(stage.order, **more))


CALLS: dict[str, tuple[Asked, int, Kind]] = {
    "GET /": (asked("GET", "/"), 200, SERVICE),
    "GET /api/v1/health": (
        asked("GET", "/api/v1/health"),
        200,
        {"status": str, "uptime_seconds": NUMBER, "request_id": str},
    ),
    "GET /api/v1/ready": (
        asked("GET", "/api/v1/ready"),
        200,
        {"status": str, "checks": dict.fromkeys(("database", "redis", "migrations", "provider"), CHECK)},
    ),
    "GET /api/v1/info": (asked("GET", "/api/v1/info"), 200, SERVICE | {"docs_url": str}),
    "POST /api/v1/users/sync": (
        by("/api/v1/users/sync", username="aziz", first_name="Aziz", last_name="A", language_code="uz"),
        200,
        {"id": int, "telegram_id": int, "created_at": TIME, "updated_at": TIME}
        | dict.fromkeys(("username", "first_name", "last_name", "language_code"), str),
    ),
    "GET /api/v1/users/{telegram_id}/balance": (
        asked("GET", "/api/v1/users/{telegram_id}/balance"),
        200,
        PERSON | {"balance": int, "held": int},
    ),
    "GET /api/v1/users/{telegram_id}/trial": (
        asked("GET", "/api/v1/users/{telegram_id}/trial"),
        200,
        PERSON | {"trial_available": bool, "used_count": int, "limit": int},
    ),
    "GET /api/v1/users/{telegram_id}/ledger": (
        asked("GET", "/api/v1/users/{telegram_id}/ledger", params={"limit": 1}),
        200,
        {"items": [ENTRY], "next_cursor": str},
    ),
    "GET /api/v1/models": (asked("GET", "/api/v1/models"), 200, [MODEL]),
    "GET /api/v1/sizes": (asked("GET", "/api/v1/sizes"), 200, [re.compile(r"\d{4}\*\d{4}")]),
    "POST /api/v1/generations/submit": (
        lambda stage: stage.ask("POST", "/api/v1/generations/submit", json=an_order(stage.telegram_id + 1_000_000)),
        202,
        {"request": GENERATION, "job_id": int, "provider_job_id": TEXT_OR_NONE, "trial_used": bool},
    ),
    "GET /api/v1/generations/active": (
        about("GET", "/api/v1/generations/active"),
        200,
        {"has_active": bool, "request_id": int, "public_id": PUBLIC_ID, "status": str, "queue_position": int},
    ),
    "GET /api/v1/generations/{ref}": (about("GET", "/api/v1/generations/{ref}"), 200, GENERATION),
    "POST /api/v1/generations/{ref}/refresh": (by("/api/v1/generations/{ref}/refresh"), 200, GENERATION),
    "GET /api/v1/generations/{ref}/results": (about("GET", "/api/v1/generations/{ref}/results"), 200, [re.compile(r"https?://.+")]),
    "GET /api/v1/generations/{ref}/events": (
        lambda stage: stage.first_event(f"/api/v1/generations/{stage.ended_id}/events", telegram_id=stage.telegram_id),
        200,
        GENERATION,
    ),
    "GET /api/v1/events": (
        lambda stage: stage.first_event("/api/v1/events", after=0),
        200,
        GENERATION | {"telegram_id": int},
    ),
    "GET /api/v1/generations": (
        about("GET", "/api/v1/generations", limit=1),
        200,
        {"items": [GENERATION], "next_cursor": str},
    ),
    "POST /api/v1/generations/{ref}/cancel": (
        lambda stage: stage.ask(
            "POST", "/api/v1/generations/{ref}/cancel", ref=stage.waits["public_id"], json={"telegram_id": stage.telegram_id}
        ),
        200,
        GENERATION,
    ),
    "POST /api/v1/media/upload": (
        lambda stage: stage.ask("POST", "/api/v1/media/upload", files={"file": ("door.png", a_picture("PNG"), "image/png")}),
        200,
        {"download_url": str, "filename": str, "size": int},
    ),
    "POST /api/v1/webhooks/wavespeed/{token}": (asked("POST", "/api/v1/webhooks/wavespeed/none"), 404, {"code": str}),
    "GET /api/v1/payments/packages": (asked("GET", "/api/v1/payments/packages"), 200, [PACKAGE]),
    "POST /api/v1/payments/orders": (
        lambda stage: stage.ask(
            "POST",
            "/api/v1/payments/orders",
            json={"telegram_id": stage.telegram_id, "package_id": 2},
            headers={"Idempotency-Key": "an-order"},
        ),
        201,
        ORDER | {"paid_at": NoneType},
    ),
    "GET /api/v1/payments/orders/{order_id}": (
        about("GET", "/api/v1/payments/orders/{order_id}"),
        200,
        ORDER | {"paid_at": NoneType},
    ),
    "POST /api/v1/payments/pre-checkout": (money("pre-checkout"), 200, {"ok": bool, "code": NoneType}),
    "POST /api/v1/payments/charges": (money("charges", telegram_payment_charge_id="stx-1"), 200, PAID),
    "POST /api/v1/payments/refunds/notice": (by("/api/v1/payments/refunds/notice", telegram_payment_charge_id="stx-1"), 200, PAID),
    "POST /api/v1/admin/credits": (
        lambda stage: stage.ask(
            "POST",
            "/api/v1/admin/credits",
            json={"telegram_id": stage.telegram_id, "amount": 2, "reason": "gift"},
            headers={"Idempotency-Key": "a-gift"},
        ),
        200,
        {"entry_id": int, "balance": int},
    ),
    "GET /api/v1/users/{telegram_id}/preferences": (asked("GET", "/api/v1/users/{telegram_id}/preferences"), 200, PREFERENCES),
    "PUT /api/v1/users/{telegram_id}/preferences": (
        asked("PUT", "/api/v1/users/{telegram_id}/preferences", json={"language": "uz", "model_id": 1, "size": "1024*1024"}),
        200,
        PREFERENCES | {"language": str, "model_id": int, "size": str},
    ),
    "GET /api/v1/feed-cursors/{name}": (asked("GET", "/api/v1/feed-cursors/bot"), 200, CURSOR | {"last_event_id": NUMBER_OR_NONE}),
    "PUT /api/v1/feed-cursors/{name}": (asked("PUT", "/api/v1/feed-cursors/bot", json={"last_event_id": 1}), 200, CURSOR),
    "POST /api/v1/deliveries/claim": (
        asked("POST", "/api/v1/deliveries/claim", json={"limit": 1, "lease_seconds": 60}),
        200,
        {
            "items": [
                {
                    **dict.fromkeys(("epoch", "attempt", "telegram_id"), int),
                    "generation": GENERATION,
                    "language_code": TEXT_OR_NONE,
                    "results": [str],
                }
            ]
        },
    ),
    "POST /api/v1/deliveries/{generation_id}/start": (
        asked("POST", "/api/v1/deliveries/{generation_id}/start", json={"epoch": 1}),
        200,
        {"may_send": bool},
    ),
    "POST /api/v1/deliveries/{generation_id}/finish": (
        asked(
            "POST",
            "/api/v1/deliveries/{generation_id}/finish",
            json={"epoch": 1, "state": "delivered", "message_ids": [7], "file_ids": [{"photo": "AgAC", "document": "BQAC"}]},
        ),
        200,
        {"state": str},
    ),
    "GET /api/v1/generations/{ref}/files": (
        about("GET", "/api/v1/generations/{ref}/files"),
        200,
        {"file_ids": [{"photo": str, "document": str}]},
    ),
    "GET /api/v1/admin/users/{telegram_id}": (asked("GET", "/api/v1/admin/users/{telegram_id}"), 200, ADMIN_USER),
    "GET /api/v1/admin/users": (asked("GET", "/api/v1/admin/users", params={"username": "AZIZ"}), 200, ADMIN_USER),
    "POST /api/v1/admin/users/{telegram_id}/ban": (
        asked("POST", "/api/v1/admin/users/{telegram_id}/ban", json={"reason": "spam", "actor_telegram_id": 77}),
        200,
        ADMIN_USER | {"banned_at": TIME, "ban_reason": str},
    ),
    "POST /api/v1/admin/users/{telegram_id}/unban": (
        asked("POST", "/api/v1/admin/users/{telegram_id}/unban", json={}),
        200,
        ADMIN_USER | {"banned_at": NoneType, "ban_reason": NoneType},
    ),
    "GET /api/v1/admin/totals": (asked("GET", "/api/v1/admin/totals"), 200, TOTALS),
    "POST /api/v1/admin/broadcasts": (
        asked("POST", "/api/v1/admin/broadcasts", json={"text": "hello"}, headers={"Idempotency-Key": "hello"}),
        201,
        BROADCAST,
    ),
    "GET /api/v1/admin/broadcasts": (
        asked("GET", "/api/v1/admin/broadcasts", params={"limit": 1}),
        200,
        {"items": [BROADCAST], "next_cursor": TEXT_OR_NONE},
    ),
    "GET /api/v1/admin/broadcasts/{broadcast_id}": (asked("GET", "/api/v1/admin/broadcasts/{broadcast_id}"), 200, BROADCAST),
    "POST /api/v1/admin/broadcasts/{broadcast_id}/claim": (
        asked("POST", "/api/v1/admin/broadcasts/{broadcast_id}/claim", json={"limit": 1}),
        200,
        {"claim": int, "state": str, "items": [int]},
    ),
    "POST /api/v1/admin/broadcasts/{broadcast_id}/report": (
        asked(
            "POST",
            "/api/v1/admin/broadcasts/{broadcast_id}/report",
            json={"claim": 1, "items": [{"telegram_id": 1, "state": "sent"}]},
        ),
        200,
        BROADCAST,
    ),
    "POST /api/v1/admin/broadcasts/{broadcast_id}/stop": (
        asked("POST", "/api/v1/admin/broadcasts/{broadcast_id}/stop"),
        200,
        BROADCAST,
    ),
}
