"""Updates are confirmed when they were handled, one person's in order, and nobody waits for somebody else."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message

from bot.polling import Poller
from telegram_simulator.server import RunningTelegram, running_telegram
from telegram_simulator.settings import TelegramSettings

TOKEN = "424242:" + "t" * 35
PICTURE = base64.b64encode(b"\x89PNG of somebody").decode()

Handler = Callable[[Message], Awaitable[Any]]


@dataclass
class Stage:
    """A Telegram with two people, and what the bot has begun and ended."""

    control: httpx2.AsyncClient
    url: str
    people: list[int]
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, person: int, text: str) -> None:
        (await self.control.post(f"/users/{self.people[person]}/text", json={"text": text})).raise_for_status()

    async def unconfirmed(self) -> int:
        return len((await self.control.get("/updates")).json()["updates"])

    async def handle(self, message: Message) -> None:
        text = message.text or str(message.message_id)
        self.begun.append(text)
        if text.startswith("slow"):
            await self.go.wait()
        self.ended.append(text)

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[asyncio.Event]:
        """A bot that polls; what it has in hand at the end is let go on."""
        bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(self.url)))
        dispatcher = Dispatcher()
        dispatcher.message.register(self.handle)
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(Poller(bot, dispatcher, ["message"]).run(stopping))
            yield stopping
            self.go.set()
            stopping.set()
        await bot.session.close()

    async def until_async(self, is_true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(5):
            while not await is_true():
                await asyncio.sleep(0.01)

    async def until(self, is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not is_true():
                await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
async def telegram() -> AsyncIterator[RunningTelegram]:
    async with running_telegram(TelegramSettings(token=TOKEN)) as running:
        yield running


@pytest.fixture
async def stage(telegram: RunningTelegram) -> AsyncIterator[Stage]:
    async with httpx2.AsyncClient(base_url=f"{telegram.url}/sim", timeout=10) as control:
        (await control.post("/reset")).raise_for_status()
        people = [(await control.post("/users", json={"first_name": name})).json()["id"] for name in ("Aziza", "Bek")]
        yield Stage(control, telegram.url, people)


class TestPoller:
    async def test_lets_nobody_wait_for_somebody_else(self, stage: Stage) -> None:
        async with stage.polling():
            await stage.write(0, "slow one")
            await stage.until(lambda: stage.begun == ["slow one"])
            await stage.write(1, "quick one")
            await stage.until(lambda: stage.ended == ["quick one"])

    async def test_keeps_one_persons_order(self, stage: Stage) -> None:
        async with stage.polling():
            await stage.write(0, "slow first")
            await stage.write(0, "second")
            await stage.until(lambda: stage.begun == ["slow first"])
            await asyncio.sleep(0.3)
            assert stage.begun == ["slow first"]
            stage.go.set()
            await stage.until(lambda: stage.ended == ["slow first", "second"])

    async def test_confirms_what_was_handled_and_nothing_else(self, stage: Stage) -> None:
        async with stage.polling():
            await stage.write(0, "slow one")
            await stage.write(1, "quick one")
            await stage.until(lambda: stage.ended == ["quick one"])
            await asyncio.sleep(0.3)
            assert await stage.unconfirmed() == 2
        assert await stage.unconfirmed() == 0

    async def test_sees_again_what_was_in_hand_when_it_died(self, stage: Stage) -> None:
        async def die_with_one_in_hand() -> None:
            async with stage.polling():
                await stage.write(0, "slow one")
                await stage.until(lambda: stage.begun == ["slow one"])
                raise RuntimeError

        with pytest.raises(ExceptionGroup):
            await die_with_one_in_hand()
        async with stage.polling():
            stage.go.set()
            await stage.until(lambda: stage.ended == ["slow one"])
        assert stage.begun == ["slow one", "slow one"]

    async def test_takes_the_parts_of_an_album_side_by_side(self, stage: Stage) -> None:
        async def handle(message: Message) -> None:
            stage.begun.append(str(message.message_id))
            await stage.go.wait()

        stage.handle = handle  # type: ignore[method-assign]
        async with stage.polling():
            album = {"pictures": [PICTURE] * 3, "as_files": True}
            (await stage.control.post(f"/users/{stage.people[0]}/photo", json=album)).raise_for_status()
            await stage.until(lambda: len(stage.begun) == 3)
