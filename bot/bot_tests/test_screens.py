"""What people are told when something behind the bot fails: in their language, with a number; and money that came is insisted on.

Redis is away in all of these: conversations are forgotten, nothing else.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx2
import pytest
from aiohttp import web
from redis.asyncio import Redis

from bot.api.client import ApiClient
from bot.catalogue import Catalogue
from bot.people import People
from bot.polling import Poller
from bot.screens import kinds_of_updates, make_dispatcher
from bot.settings import load_settings
from bot.shop import Shop
from bot.storage import ForgetfulStorage, Notes
from bot.telegram import make_bot
from bot_tests.test_polling import TOKEN
from telegram_simulator.server import running_telegram
from telegram_simulator.settings import TelegramSettings

ORDER = {"id": "019e5d2a-6b1c-7c52-9d39-1f6f2a3b4c5d", "credits": 50, "price_stars": 225, "status": "pending"}
PERSON = {"telegram_id": 1, "created_at": "2026-11-24T00:00:00Z"}

Answer = tuple[int, Any]


@dataclass
class Stage:
    """A bot at work between a Telegram and an API that answers as it is told, by path; the last answer is given again."""

    control: httpx2.AsyncClient
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/api/v1")
        self.asked[path] += 1
        told = next(
            (answers for prefix, answers in self.answers.items() if path.startswith(prefix)), [(404, {"code": "not_found"})]
        )
        status, body = told.pop(0) if len(told) > 1 else told[0]
        return web.json_response(body, status=status)

    async def somebody(self, language: str) -> int:
        made = await self.control.post("/users", json={"first_name": "Aziza", "language_code": language})
        return int(made.json()["id"])

    async def write(self, person: int, text: str) -> None:
        (await self.control.post(f"/users/{person}/text", json={"text": text})).raise_for_status()

    async def told(self, person: int, is_it: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                messages: list[dict[str, Any]] = (await self.control.get(f"/chats/{person}")).json()["messages"]
                found = [each for each in messages if each["from"] == "bot" and is_it(each)]
                if found:
                    return found[-1]
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    # One for all: the screens are attached to one dispatcher in a process.
    async with (
        running_telegram(TelegramSettings(token=TOKEN)) as telegram,
        httpx2.AsyncClient(base_url=f"{telegram.url}/sim", timeout=15) as control,
        aiohttp.ClientSession() as session,
    ):
        stage = Stage(control)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", stage.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api_url, nowhere = f"http://127.0.0.1:{runner.addresses[0][1]}", "redis://127.0.0.1:1/0"
        settings = load_settings(
            _env_file=None,
            bot_token=TOKEN,
            api_key="rsk_x",
            redis_url=nowhere,
            api_base_url=api_url,
            telegram_api_base_url=telegram.url,
        )
        redis, api, bot = Redis.from_url(nowhere), ApiClient(session, api_url, "rsk_x"), make_bot(settings)
        dispatcher = make_dispatcher(Shop(settings, api, People(api), Catalogue(api), Notes(redis)), ForgetfulStorage(redis))
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(Poller(bot, dispatcher, kinds_of_updates(dispatcher)).run(stopping))
            yield stage
            stopping.set()
        await bot.session.close()
        await redis.aclose()
        await runner.cleanup()


def says(words: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: words in (message["text"] or "")


class TestFailure:
    async def test_is_told_in_their_language_with_the_number_of_the_update(self, stage: Stage) -> None:
        stage.answers = {"/users/sync": [(500, {"code": "internal_error", "title": "x"})]}
        person = await stage.somebody("ru")
        await stage.write(person, "/profile")
        told = await stage.told(person, says("Что-то пошло не так"))
        assert "tg-" in told["text"]

    async def test_of_a_program_is_told_too(self, stage: Stage) -> None:
        stage.answers = {"/users/sync": [(200, PERSON)], "/users/": [(200, {})], "/models": [(200, [])]}
        person = await stage.somebody("uz")
        await stage.write(person, "/settings")
        told = await stage.told(person, says("Nimadir xato ketdi"))
        assert "tg-" in told["text"]

    async def test_of_an_api_that_is_away_is_told_without_fear_for_money(self, stage: Stage) -> None:
        stage.answers = {"/users/sync": [(502, "<html>")]}
        person = await stage.somebody("en")
        await stage.write(person, "/profile")
        await stage.told(person, says("The server did not answer"))


class TestPayment:
    async def test_is_insisted_on_while_the_api_is_away(self, stage: Stage) -> None:
        away: Answer = (503, {"code": "service_unavailable", "title": "x"})
        stage.answers = {
            "/users/sync": [(200, PERSON)],
            "/users/": [(200, {})],
            "/payments/packages": [(200, [{"id": 2, "key": "fifty", "credits": 50, "price_stars": 225}])],
            "/payments/orders": [(201, ORDER)],
            "/payments/pre-checkout": [(200, {"ok": True, "code": None})],
            "/payments/charges": [away, (502, "<html>"), (200, {"order": ORDER, "balance": 53, "is_new": True})],
        }
        person = await stage.somebody("en")
        await stage.write(person, "/buy")
        till = await stage.told(person, says("Paid with Telegram Stars"))
        await stage.control.post(f"/users/{person}/tap", json={"message_id": till["message_id"], "data": "buy:2"})
        invoice = await stage.told(person, lambda message: message["invoice"])
        # From now on the API does not even know who that is.
        stage.answers["/users/sync"] = [away]
        paid = await stage.control.post(f"/users/{person}/pay", json={"message_id": invoice["message_id"]})
        assert paid.json()["paid"]
        await stage.told(person, says("50 credits were added"))
        assert stage.asked["/payments/charges"] == 3

    async def test_is_not_begun_while_the_api_is_away(self, stage: Stage) -> None:
        stage.answers = {
            "/users/": [(200, PERSON)],
            "/payments/packages": [(200, [{"id": 2, "key": "fifty", "credits": 50, "price_stars": 225}])],
            "/payments/orders": [(201, ORDER)],
            "/payments/pre-checkout": [(502, "<html>")],
        }
        person = await stage.somebody("en")
        await stage.write(person, "/buy")
        till = await stage.told(person, says("Paid with Telegram Stars"))
        await stage.control.post(f"/users/{person}/tap", json={"message_id": till["message_id"], "data": "buy:2"})
        invoice = await stage.told(person, lambda message: message["invoice"])
        refused = (await stage.control.post(f"/users/{person}/pay", json={"message_id": invoice["message_id"]})).json()
        assert (refused["paid"], refused["error"]) == (False, "refused")
        assert "Nothing was charged" in refused["error_message"]
