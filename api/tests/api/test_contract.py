"""Every call with the fields, types and status that clients know it by. New fields may come; none may go, or change its kind."""

import re
from typing import Any

import pytest

from app.core.config import Settings
from app.main import create_app
from tests import running
from tests.api.contract import CALLS, Stage
from tests.api.kinds import TEXT_OR_NONE, TIME, Kind
from tests.factories import Shop, an_order
from tests.payments import an_order_of_credits


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


@pytest.fixture
async def stage(shop: Shop) -> Stage:
    somebody = await shop.rich_user(5)
    async with running.worker(shop.settings):
        ended = await shop.follow(await shop.order(somebody, client_context={"chat_id": 7}), somebody)
    sent = await shop.http.post("/admin/broadcasts", json={"text": "first"}, headers={"Idempotency-Key": "first"})
    waits = await shop.order(somebody, prompt="the one that waits")
    return Stage(shop, somebody, waits, ended["id"], sent.json()["id"], await an_order_of_credits(shop, somebody))


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
