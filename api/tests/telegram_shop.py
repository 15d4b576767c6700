"""A whole shop in Telegram for stories: API, worker, both simulators, and the bot as a process of its own that can be killed.

People are played through the Telegram simulator's control API; what they see is what a phone would show.
"""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from app.core.config import Settings
from app.domain.catalogue import service as catalogue
from simulator.server import RunningSimulator
from telegram_simulator.server import running_telegram
from telegram_simulator.settings import TelegramSettings
from tests import running
from tests.factories import BOT_KEY, NO_TLS, Shop, changed
from tests.programs import bare_environment, spawn
from tests.proxy import Link
from tests.seen import Message, data_of, has

TOKEN = "424242:" + "t" * 35
OPERATOR = 900_001
LEASE_S = 4
WAIT_S = 15.0
BOT_START_S = 90.0
BOT_STOP_S = 15.0


@dataclass
class BotProcess:
    """`python -m bot`; started again with the same settings as often as a story kills it."""

    env: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All it has logged."""
        file = self.folder / "bot.out"
        return file.read_text() if file.exists() else ""

    async def start(self) -> None:
        """Start it and wait until it is at work; the servers it needs run in our own event loop meanwhile."""
        ready_before, out = self.log.count("ready "), self.folder / "bot.out"
        self.process = spawn([sys.executable, "-m", "bot"], env=self.env, cwd=self.folder, out=out, errors=out)
        async with asyncio.timeout(BOT_START_S):
            while self.log.count("ready ") == ready_before:
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    async def stop(self) -> int:
        """As Ctrl-C does; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return await asyncio.to_thread(self.process.wait, BOT_STOP_S)


@dataclass
class TelegramShop:
    """All of it. `api` is a client of the API with eyes on the database; `telegram` the simulator's control API; `wire` lies
    between the bot and the API.
    """

    api: Shop
    telegram: httpx2.AsyncClient
    bot: BotProcess
    wire: Link

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, simulator: RunningSimulator, folder: Path) -> AsyncIterator[Self]:
        """Start everything; nothing of it is left at the end."""
        async with AsyncExitStack() as stack:
            telegram = await stack.enter_async_context(running_telegram(TelegramSettings(token=TOKEN)))
            settings = changed(settings, bot_token=TOKEN, telegram_api_base_url=telegram.url)
            base_url = await stack.enter_async_context(running.api(settings))
            await stack.enter_async_context(running.worker(settings))
            api = await stack.enter_async_context(Shop.open(base_url, settings, simulator))
            control = await stack.enter_async_context(httpx2.AsyncClient(base_url=f"{telegram.url}/sim", timeout=30, verify=NO_TLS))
            wire = await stack.enter_async_context(Link("bot>api", urlsplit(base_url).port or 0).open())
            bot = BotProcess(_environment(settings, f"http://127.0.0.1:{wire.port}", folder), folder)
            await bot.start()
            try:
                yield cls(api, control, bot, wire)
            finally:
                if bot.process is not None and bot.process.poll() is None:
                    await bot.stop()

    async def phone(self, language: str = "en", *, telegram_id: int | None = None) -> "Phone":
        """Somebody new, with a phone in this language."""
        body = {"first_name": "Aziza", "language_code": language} | ({"id": telegram_id} if telegram_id else {})
        made = await self.telegram.post("/users", json=body)
        assert made.is_success, made.text
        return Phone(self, made.json()["id"])

    async def operator(self) -> "Phone":
        """The operator, as they are for the whole run."""
        found = (await self.telegram.get("/users")).json()["users"]
        if any(each["id"] == OPERATOR for each in found):
            return Phone(self, OPERATOR)
        operator = await self.phone(telegram_id=OPERATOR)
        # Nobody can be written to who has not written first.
        await operator.writes("/admin")
        await operator.waits_for(has("desk|find"))
        return operator

    async def until_called(self, method: str, chat_id: int, times: int, *, within_s: float = WAIT_S) -> None:
        """Wait until the bot has asked this of Telegram so often for this chat."""
        async with asyncio.timeout(within_s):
            while len(await self.calls(method, chat_id)) < times:
                await asyncio.sleep(0.02)

    async def customer(self, amount: int = 10, language: str = "en") -> "Phone":
        """Somebody with credits and no free picture left."""
        phone = await self.phone(language)
        await self.api.grant(phone.id, amount)
        await self.api.eyes.execute(
            "INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at)"
            " SELECT id, 1, 1, 'used', now() FROM users WHERE telegram_id = $1",
            phone.id,
        )
        return phone

    async def set_price(self, model_key: str, price: int) -> None:
        """Change a price, as an operator does; the bot remembers the old one for a while."""
        async with self.api.resources.transaction() as session:
            await catalogue.set_price(session, model_key, price)

    async def slow_provider(self, seconds: float) -> None:
        """Let the provider take its time; the next test begins with a quick one again."""
        (await self.api.control.put("/config", json={"delay_s": seconds})).raise_for_status()

    async def fault(self, method: str, kind: str, **more: Any) -> None:
        """Make Telegram misbehave."""
        answer = await self.telegram.post("/faults", json={"method": method, "kind": kind, **more})
        assert answer.is_success, answer.text

    async def calls(self, method: str, chat_id: int) -> list[dict[str, Any]]:
        """What the bot asked of Telegram for this chat."""
        found = (await self.telegram.get("/log", params={"method": method})).json()["requests"]
        return [each for each in found if str(each["params"].get("chat_id")) == str(chat_id)]

    async def generations(self, phone: "Phone") -> list[dict[str, Any]]:
        """Somebody's generations, the newest first."""
        found: list[dict[str, Any]] = (await self.api.http.get("/generations", params={"telegram_id": phone.id})).json()["items"]
        return found

    async def delivery(self, generation_id: int) -> str:
        """How far the telling of a generation is."""
        statement = "SELECT state FROM generation_deliveries WHERE generation_id = $1"
        return str(await self.api.eyes.fetchval(statement, generation_id))


@dataclass
class Phone:
    """Somebody with a phone; `id` is the person's and the chat's."""

    shop: TelegramShop
    id: int

    async def _do(self, what: str, **body: Any) -> dict[str, Any]:
        answer = await self.shop.telegram.post(f"/users/{self.id}/{what}", json=body)
        assert answer.is_success, answer.text
        done: dict[str, Any] = answer.json()
        return done

    async def writes(self, text: str, **more: Any) -> Message:
        """Write to the bot."""
        return await self._do("text", text=text, **more)

    async def sends(self, *pictures: bytes, caption: str = "", as_files: bool = False) -> list[Message]:
        """Send pictures, several as an album."""
        encoded = [base64.b64encode(picture).decode() for picture in pictures]
        sent: list[Message] = (await self._do("photo", pictures=encoded, caption=caption, as_files=as_files))["messages"]
        return sent

    async def taps(self, message: Message, data: str) -> dict[str, Any]:
        """Tap the button whose data begins with this; the bot's answer."""
        return await self._do("tap", message_id=message["message_id"], data=data_of(message, data))

    async def taps_together(self, message: Message, data: str, *, times: int) -> list[dict[str, Any]]:
        """Tap one button many times at once, as a nervous thumb does."""
        # The button may be gone by now; a phone that has not heard of that taps it all the same.
        body = {"message_id": message["message_id"], "data": data_of(message, data), "stale": True}
        return list(await asyncio.gather(*(self._do("tap", **body) for _ in range(times))))

    async def pays(self, message: Message, *, drop_update: bool = False) -> dict[str, Any]:
        """Pay an invoice."""
        return await self._do("pay", message_id=message["message_id"], drop_update=drop_update)

    async def blocks(self) -> None:
        """Block the bot."""
        await self._do("block")

    async def sees(self) -> list[Message]:
        """The bot's messages in the chat, the oldest first."""
        return (await self._chat())[1]

    async def _chat(self, newer_than: int = -1) -> tuple[int, list[Message]]:
        query = {"newer_than": newer_than, "wait_s": 1.0 if newer_than >= 0 else 0}
        chat = (await self.shop.telegram.get(f"/chats/{self.id}", params=query)).json()
        return chat["version"], [each for each in chat["messages"] if each["from"] == "bot" and not each["deleted"]]

    async def waits_for(self, is_it: Callable[[Message], object], *, after: int = 0, within_s: float = WAIT_S) -> Message:
        """Wait for a message of the bot, newer than the one with this id; the newest that fits."""
        version, messages, started_s = -1, [], time.monotonic()
        while time.monotonic() - started_s < within_s:
            version, messages = await self._chat(version)
            fitting = [each for each in messages if each["message_id"] > after and is_it(each)]
            if fitting:
                return fitting[-1]
        told = [(each["message_id"], each["text"] or each["caption"] or "…") for each in messages]
        raise AssertionError(f"not seen within {within_s} s: {told}\n{self.shop.bot.log[-4000:]}")

    async def asks(self, prompt: str, *, after: int = 0) -> Message:
        """Write what to draw; the menu."""
        written = await self.writes(prompt)
        return await self.waits_for(has("menu|go"), after=max(after, written["message_id"]))

    async def orders(self, prompt: str = "a red door in Bukhara") -> Message:
        """Write what to draw and tap Draw; the message that tells how it stands."""
        menu = await self.asks(prompt)
        answer = await self.taps(menu, "menu|go")
        assert (answer["text"] or "").startswith("✅"), f"{answer}\n{self.shop.bot.log[-4000:]}"
        return menu

    async def message(self, message: Message) -> Message:
        """A message as it looks now."""
        return next(each for each in await self.sees() if each["message_id"] == message["message_id"])


async def broadcast(operator: Phone, audience: str, text: str) -> Message:
    """The operator prepares a message to many; the message that asks whether to send it."""
    written = await operator.writes("/admin")
    desk = await operator.waits_for(has("desk|broadcast"), after=written["message_id"])
    await operator.taps(desk, "desk|broadcast")
    await operator.taps(await operator.message(desk), f"desk|audience|{audience}")
    written = await operator.writes(text)
    return await operator.waits_for(has("desk|broadcast-sure"), after=written["message_id"])


def _environment(settings: Settings, base_url: str, folder: Path) -> dict[str, str]:
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    return bare_environment(
        folder,
        BOT_TOKEN=TOKEN,
        API_BASE_URL=base_url,
        API_KEY=BOT_KEY,
        REDIS_URL=redis_url,
        TELEGRAM_API_BASE_URL=settings.telegram_api_base_url,
        ADMIN_IDS=str(OPERATOR),
        BOT_DELIVERY_LEASE_SECONDS=str(LEASE_S),
    )
