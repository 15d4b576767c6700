"""The API's client repeats what is safe to repeat, and nothing else."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web

from bot.api.client import ApiClient
from bot.api.errors import ApiAwayError, ApiRefusalError
from bot.api.feed import follow
from bot.api.wire import Balance, Nothing
from bot_tests.test_wording import a_generation

BALANCE = {"balance": 3, "held": 1}


@dataclass
class Api:
    """An API that answers as it is told, and remembers what it was asked. `None` cuts the connection."""

    answers: list[tuple[int, Any] | None] = field(default_factory=list)
    asked: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        told = self.answers.pop(0)
        if told is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, body = told
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/event-stream")
        headers = {"Retry-After": "1"} if status == 429 else {}
        return web.Response(status=status, text=json.dumps(body), content_type="application/json", headers=headers)


@pytest.fixture
async def api() -> Api:
    return Api()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[ApiClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        yield ApiClient(session, f"http://127.0.0.1:{port}", "rsk_key")
    await runner.cleanup()


def problem(code: str, **members: Any) -> dict[str, Any]:
    return {"code": code, "title": "x", **members}


class TestCall:
    async def test_carries_key_and_request_id(self, api: Api, client: ApiClient) -> None:
        api.answers = [(200, BALANCE)]
        with structlog.contextvars.bound_contextvars(request_id="tg-7"):
            assert (await client.get("/users/1/balance", Balance)).balance == 3
        assert api.asked[0].headers["Authorization"] == "Bearer rsk_key"
        assert api.asked[0].headers["X-Request-ID"] == "tg-7"

    async def test_is_repeated_when_nothing_was_done(self, api: Api, client: ApiClient) -> None:
        api.answers = [(429, problem("rate_limited")), (200, {})]
        await client.post("/x", Nothing, {})
        assert len(api.asked) == 2

    async def test_that_reads_is_repeated_when_it_was_cut_off(self, api: Api, client: ApiClient) -> None:
        api.answers = [None, (200, BALANCE)]
        assert (await client.get("/x", Balance)).held == 1

    async def test_with_a_key_is_repeated_with_the_same_key(self, api: Api, client: ApiClient) -> None:
        api.answers = [None, (200, {})]
        await client.post("/x", Nothing, {"a": 1}, key="k")
        assert [each.headers["Idempotency-Key"] for each in api.asked] == ["k", "k"]

    async def test_without_a_key_is_not_repeated(self, api: Api, client: ApiClient) -> None:
        api.answers = [None, (200, {})]
        with pytest.raises(ApiAwayError):
            await client.post("/x", Nothing, {})
        assert len(api.asked) == 1

    async def test_is_not_repeated_for_ever(self, api: Api, client: ApiClient) -> None:
        api.answers = [None] * 9
        with pytest.raises(ApiAwayError):
            await client.post("/x", Nothing, {}, key="k")
        assert len(api.asked) == 4


class TestRefusal:
    async def test_has_code_and_members(self, api: Api, client: ApiClient) -> None:
        api.answers = [(402, problem("insufficient_credits", balance=1, required=2))]
        with pytest.raises(ApiRefusalError) as refused:
            await client.post("/x", Nothing, {})
        assert (refused.value.code, refused.value.members["required"]) == ("insufficient_credits", 2)

    @pytest.mark.parametrize("answer", [(502, "<html>"), (500, ["no problem"]), (200, {"balance": "much"})])
    async def test_is_none_when_something_else_answered(self, api: Api, client: ApiClient, answer: tuple[int, Any]) -> None:
        api.answers = [answer] * 4
        with pytest.raises(ApiAwayError):
            await client.get("/x", Balance)


class TestFeed:
    async def test_reads_events_and_leaves_out_signs_of_life(self, api: Api, client: ApiClient) -> None:
        generation = json.loads(a_generation().model_dump_json()) | {"telegram_id": 9}
        event = f"id: 5\nevent: status\ndata: {json.dumps(generation)}\n\n"
        api.answers = [(200, f": open\n\n{event}: alive\n\n{event.replace('id: 5', 'id: 6')}")]
        changes = [change async for change in follow(client, after=4)]
        assert [(change.id, change.generation.telegram_id) for change in changes] == [(5, 9), (6, 9)]
        assert api.asked[0].headers["Last-Event-ID"] == "4"

    async def test_says_that_the_api_is_away(self, api: Api, client: ApiClient) -> None:
        api.answers = [None]
        with pytest.raises(ApiAwayError):
            _ = [change async for change in follow(client, after=None)]
