"""Every call with the fields, types and status that clients know it by. New fields may come; none may go, or change its kind."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

import httpx2
import pytest

from app.core.config import Settings
from app.main import create_app
from tests import running
from tests.factories import Shop, an_order
from tests.payments import an_order_of_credits, money_for
from tests.pictures import a_picture

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PUBLIC_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NUMBER = (int, float)
TEXT_OR_NONE = (str, NoneType)
NUMBER_OR_NONE = (int, NoneType)

# What a value is: a type or some of them, a pattern for a text, a dict for an object, a list of one for a list of those.
Kind = Any

GENERATION: Kind = {
    **dict.fromkeys(("id", "user_id", "model_id", "references_count", "cost"), int),
    **dict.fromkeys(("model_key", "prompt", "status"), str),
    **dict.fromkeys(("size", "aspect_ratio", "resolution", "error_code", "error_message"), TEXT_OR_NONE),
    "public_id": PUBLIC_ID,
    "style": NoneType,
    "input_params": {"reference_urls": list, "reference_file_ids": list},
    "trial_used": bool,
    "client_context": (dict, NoneType),
    "queue_position": NUMBER_OR_NONE,
    "created_at": TIME,
    "updated_at": TIME,
    "started_at": TEXT_OR_NONE,
    "completed_at": TEXT_OR_NONE,
}
PERSON: Kind = {"user_id": int, "telegram_id": int}
CHECK: Kind = {"ok": bool, "latency_ms": NUMBER}
SERVICE: Kind = {"name": str, "version": str, "environment": str}
MODEL: Kind = {
    "model": {
        **dict.fromkeys(("key", "name", "provider"), str),
        **dict.fromkeys(("supports_text_to_image", "supports_image_to_image", "supports_reference"), bool),
        **dict.fromkeys(("supports_aspect_ratio", "supports_style", "is_active"), bool),
        "id": int,
        "created_at": TIME,
        "options": {
            **dict.fromkeys(("supports_size", "supports_aspect_ratio", "supports_resolution"), bool),
            **dict.fromkeys(("size_options", "aspect_ratio_options", "resolution_options"), list),
            "max_reference_images": int,
        },
    },
    "prices": [{"id": int, "model_id": int, "currency": str, "unit_price": int, "is_active": bool, "created_at": TIME}],
}
ENTRY: Kind = {
    **dict.fromkeys(("id", "amount", "balance_after"), int),
    "entry_type": str,
    "reference_id": TEXT_OR_NONE,
    "description": TEXT_OR_NONE,
    "created_at": TIME,
}
PACKAGE: Kind = {
    **dict.fromkeys(("id", "credits", "price_stars"), int),
    **dict.fromkeys(("key", "currency"), str),
    "is_active": bool,
}
ORDER: Kind = {
    **dict.fromkeys(("telegram_id", "package_id", "credits", "price_stars"), int),
    **dict.fromkeys(("package_key", "currency", "status"), str),
    "id": PUBLIC_ID,
    "expires_at": TIME,
    "created_at": TIME,
}
PAID: Kind = {"order": ORDER | {"paid_at": TIME}, "balance": int, "is_new": bool}


def misses(kind: Kind, value: Any, path: str = "") -> list[str]:
    """Where a value is not of this kind."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return [path]
        return [miss for name, inner in kind.items() for miss in misses(inner, value.get(name, ...), f"{path}.{name}")]
    if isinstance(kind, list):
        return [path] if not isinstance(value, list) or not value else misses(kind[0], value[0], f"{path}[0]")
    if isinstance(kind, re.Pattern):
        return [] if isinstance(value, str) and kind.fullmatch(value) else [path]
    return [] if isinstance(value, kind) and not (kind is int and isinstance(value, bool)) else [path]


@dataclass(frozen=True)
class Stage:
    """A shop that has everything to ask for: somebody with a finished picture, an order that waits, and one for credits."""

    shop: Shop
    telegram_id: int
    waits: dict[str, Any]
    ended_id: int
    order: dict[str, Any]

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        path = path.replace("{telegram_id}", str(self.telegram_id)).replace("{ref}", str(more.pop("ref", self.ended_id)))
        path = path.replace("{order_id}", self.order["id"])
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
}


@pytest.fixture
async def stage(shop: Shop) -> Stage:
    somebody = await shop.rich_user(5)
    async with running.worker(shop.settings):
        ended = await shop.follow(await shop.order(somebody, client_context={"chat_id": 7}), somebody)
    waits = await shop.order(somebody, prompt="the one that waits")
    return Stage(shop, somebody, waits, ended["id"], await an_order_of_credits(shop, somebody))


class TestCalls:
    async def test_have_the_fields_that_clients_know(self, stage: Stage) -> None:
        wrong = {}
        for name, (ask, status, kind) in CALLS.items():
            answer = await ask(stage)
            if answer.status_code != status or misses(kind, answer.json()):
                wrong[name] = (answer.status_code, misses(kind, answer.json()), answer.text)

        assert wrong == {}

    async def test_are_all_there_is(self, settings: Settings) -> None:
        paths = create_app(settings).openapi()["paths"].items()

        assert {f"{method.upper()} {path}" for path, methods in paths for method in methods} == CALLS.keys()

    async def test_refuse_a_body_with_a_field_that_nobody_knows(self, stage: Stage) -> None:
        for path in ("users/sync", "generations/submit", "generations/1/refresh", "generations/1/cancel", "admin/credits"):
            body = {**an_order(stage.telegram_id), "amount": 1, "reason": "gift", "colour": "blue"}
            answer = await stage.shop.http.post(f"/{path}", json=body, headers={"Idempotency-Key": path})
            assert answer.status_code == 422, path
            assert "colour" in {error["field"] for error in answer.json()["errors"]}, path


class TestMisses:
    def test_sees_what_is_missing_or_of_another_kind(self) -> None:
        kind = {"a": int, "b": [{"c": TIME}], "d": TEXT_OR_NONE, "e": bool}
        right = {"a": 1, "b": [{"c": "2026-11-24T20:36:51.48Z"}], "d": None, "e": True, "new": 1}

        assert misses(kind, right) == []
        assert misses(kind, {"a": True, "b": [{"c": "2026-11-24 20:36"}], "e": 1}) == [".a", ".b[0].c", ".d", ".e"]
        assert misses(kind, right | {"b": []}) == [".b"]
