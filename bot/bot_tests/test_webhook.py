"""By webhook only Telegram is heard, an update is confirmed when it was handled, and an album comes together."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message

from bot import webhook
from bot.settings import WEBHOOK_PATH, load_settings
from bot_tests.test_polling import PICTURE, TOKEN, Stage
from telegram_simulator.server import RunningTelegram, running_telegram
from telegram_simulator.settings import TelegramSettings

SECRET = "s" * 20


@pytest.fixture(scope="module")
async def telegram() -> AsyncIterator[RunningTelegram]:
    async with running_telegram(TelegramSettings(token=TOKEN, webhook_retry_s=0.05)) as running:
        yield running


@pytest.fixture
async def stage(telegram: RunningTelegram) -> AsyncIterator[Stage]:
    async with httpx2.AsyncClient(base_url=f"{telegram.url}/sim", timeout=10) as control:
        (await control.post("/reset")).raise_for_status()
        people = [(await control.post("/users", json={"first_name": "Aziza"})).json()["id"]]
        yield Stage(control, telegram.url, people)


@asynccontextmanager
async def a_served_webhook(stage: Stage) -> AsyncIterator[str]:
    """A bot behind a webhook; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = load_settings(
        _env_file=None,
        bot_token=TOKEN,
        api_key="rsk_x",
        redis_url="redis://127.0.0.1:1/0",
        public_base_url=f"http://127.0.0.1:{port}",
        bot_webhook_secret=SECRET,
        bot_port=port,
    )
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(stage.url)))
    dispatcher, stopping = Dispatcher(), asyncio.Event()
    dispatcher.message.register(stage.handle)
    async with asyncio.TaskGroup() as group:
        group.create_task(webhook.serve(bot, dispatcher, settings, ["message"], stopping))
        async with httpx2.AsyncClient() as client:
            await stage.until_async(lambda: _is_served(client, settings.webhook_url or ""))
        yield settings.webhook_url or ""
        stage.go.set()
        stopping.set()
    await bot.session.close()


async def _is_served(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.post(url, json={})).status_code == 401
    except httpx2.TransportError:
        return False


class TestWebhook:
    @pytest.mark.parametrize("secret", [None, "", "x" * 20, SECRET.upper()])
    async def test_hears_nobody_without_the_secret(self, stage: Stage, secret: str | None) -> None:
        headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
        async with a_served_webhook(stage) as url, httpx2.AsyncClient() as client:
            assert url.endswith(WEBHOOK_PATH)
            assert (await client.post(url, json={"update_id": 1}, headers=headers)).status_code == 401
            assert stage.begun == []

    async def test_refuses_what_is_no_update(self, stage: Stage) -> None:
        async with a_served_webhook(stage) as url, httpx2.AsyncClient() as client:
            headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
            assert (await client.post(url, content=b"{", headers=headers)).status_code == 400

    async def test_confirms_an_update_when_it_was_handled(self, stage: Stage) -> None:
        async with a_served_webhook(stage):
            await stage.write(0, "slow one")
            await stage.until(lambda: stage.begun == ["slow one"])
            assert await stage.unconfirmed() == 1
            stage.go.set()
            await stage.until(lambda: stage.ended == ["slow one"])
            async with asyncio.timeout(3):
                while await stage.unconfirmed():
                    await asyncio.sleep(0.02)

    async def test_takes_the_parts_of_an_album_together(self, stage: Stage) -> None:
        async def wait(message: Message) -> None:
            stage.begun.append(str(message.message_id))
            await stage.go.wait()

        stage.handle = wait  # type: ignore[method-assign]
        async with a_served_webhook(stage):
            album = {"pictures": [PICTURE] * 3, "as_files": True}
            (await stage.control.post(f"/users/{stage.people[0]}/photo", json=album)).raise_for_status()
            await stage.until(lambda: len(stage.begun) == 3)
