"""Updates by webhook: secret, order, retries, and calls inside an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from aiohttp import web

from telegram_simulator_tests.conftest import Bot, Person


@dataclass
class Receiver:
    """A bot's webhook: answers the statuses in turn, then 200 with `reply`."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    reply: dict[str, Any] | None = None
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.received.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token", ""), update))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.json_response(self.reply, status=status) if self.reply else web.Response(status=status)

    @property
    def texts(self) -> list[str]:
        return [update["message"]["text"] for _, update in self.received]


async def until(is_true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await is_true():
            await asyncio.sleep(0.01)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    application = web.Application()
    application.router.add_post("/hook", found.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


async def is_confirmed(bot: Bot) -> bool:
    return bool((await bot.call("getWebhookInfo"))["pending_update_count"] == 0)


class TestWebhook:
    async def test_gets_updates_with_the_secret(self, bot: Bot, person: Person, receiver: Receiver) -> None:
        await person.do("text", text="before")
        await bot.call("setWebhook", url=receiver.url, secret_token="s-1")
        await person.do("text", text="after")
        await until(lambda: is_confirmed(bot))
        assert receiver.texts == ["before", "after"]
        assert {secret for secret, _ in receiver.received} == {"s-1"}
        assert "can't use getUpdates method while webhook is active" in await bot.refused("getUpdates", code=409)
        assert await bot.call("deleteWebhook") is True
        assert await bot.updates(wait_s=0) == []

    async def test_gets_an_update_again_until_it_takes_it(self, bot: Bot, person: Person, receiver: Receiver) -> None:
        receiver.statuses = [500, 404]
        await bot.call("setWebhook", url=receiver.url)
        await person.do("text", text="one")
        await person.do("text", text="two")
        await until(lambda: is_confirmed(bot))
        assert receiver.texts == ["one", "one", "one", "two"]
        assert (await bot.call("getWebhookInfo"))["last_error_message"] == "Wrong response from the webhook: 404 Not Found"

    async def test_gets_an_update_twice_when_its_answer_was_lost(
        self, bot: Bot, person: Person, receiver: Receiver, control: httpx2.AsyncClient
    ) -> None:
        await control.post("/faults", json={"method": "webhook", "kind": "cut_after"})
        await bot.call("setWebhook", url=receiver.url)
        await person.do("text", text="one")
        await until(lambda: is_confirmed(bot))
        assert receiver.texts == ["one", "one"]

    async def test_may_call_a_method_in_its_answer(self, bot: Bot, person: Person, receiver: Receiver) -> None:
        receiver.reply = {"method": "sendMessage", "chat_id": person.id, "text": "at once"}
        await bot.call("setWebhook", url=receiver.url)
        await person.do("text", text="one")

        async def is_answered() -> bool:
            return (await person.sees())[-1]["text"] == "at once"

        await until(is_answered)

    async def test_drops_what_waits_only_when_asked(self, bot: Bot, person: Person, receiver: Receiver) -> None:
        await person.do("text", text="one")
        await bot.call("setWebhook", url=receiver.url, drop_pending_updates=True)
        await person.do("text", text="two")
        await until(lambda: is_confirmed(bot))
        assert receiver.texts == ["two"]

    @pytest.mark.parametrize(
        ("params", "description"),
        [
            ({"url": "http://bot.uz/hook"}, "bad webhook: An HTTPS URL must be provided for webhook"),
            ({"url": "hook"}, "invalid webhook URL specified"),
            ({"url": "https://bot.uz", "secret_token": "a b"}, "secret token contains unallowed characters"),
        ],
    )
    async def test_is_refused(self, bot: Bot, params: dict[str, str], description: str) -> None:
        assert await bot.refused("setWebhook", **params) == f"Bad Request: {description}"
