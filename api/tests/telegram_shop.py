"""A whole shop in Telegram for stories, each part a process of its own: both simulators, API, worker, and a bot that can be killed.

People are played through the Telegram simulator's control API; what they see is what a phone would show.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from app.core.config import Settings
from app.domain.catalogue import service as catalogue
from app.embedded import ports
from simulator.server import RunningSimulator
from tests.cli.rassom import Rassom
from tests.factories import BOT_KEY, NO_TLS, Shop
from tests.part import Part
from tests.programs import bare_environment, cleared, told
from tests.proxy import Link
from tests.seen import Message, data_of, has

TOKEN = "424242:" + "t" * 35
PROVIDER_KEY = "sim-key-of-the-shop"
OPERATOR = 900_001
LEASE_S = 4
WAIT_S = 15.0


@dataclass
class TelegramShop:
    """All of it. `api` is a client of the API with eyes on the database; `telegram` the simulator's control API; `wire` lies
    between the bot and the API.
    """

    api: Shop
    telegram: httpx2.AsyncClient
    bot: Part
    wire: Link

    @classmethod
    @asynccontextmanager
    async def open(cls, database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Self]:
        """Start everything on a migrated database; nothing of it is left at the end."""
        settings = _settings(database_url, redis_url, *ports.free_ports(3))
        async with AsyncExitStack() as stack:
            stack.enter_context(cleared(folder))
            await _all_started(stack, _servers(settings, folder))
            url, telegram = f"http://{settings.host}:{settings.port}", settings.telegram_api_base_url
            simulator = cast("RunningSimulator", SimpleNamespace(url=_origin(settings)))
            api = await stack.enter_async_context(Shop.open(url, settings, simulator))
            control = await stack.enter_async_context(httpx2.AsyncClient(base_url=f"{telegram}/sim", timeout=30, verify=NO_TLS))
            wire = await stack.enter_async_context(Link("bot>api", settings.port).open())
            bot = Part("bot", ["bot"], _of_bot(settings, wire), folder, "ready ")
            await _all_started(stack, [bot])
            yield cls(api, control, bot, wire)

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
        await self.grant(phone.id, amount)
        await self.api.eyes.execute(
            "INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at)"
            " SELECT id, 1, 1, 'used', now() FROM users WHERE telegram_id = $1",
            phone.id,
        )
        return phone

    async def grant(self, telegram_id: int, amount: int) -> None:
        """Give credits, or take them back, as an operator's program does."""
        body, key = {"telegram_id": telegram_id, "amount": amount, "reason": "test"}, {"Idempotency-Key": str(uuid4())}
        (await self.api.http.post("/admin/credits", json=body, headers=key)).raise_for_status()

    async def reconcile(self) -> None:
        """Compare the payments with Telegram's, as an operator does. Raises AssertionError with the command's words."""
        folder = self.bot.folder
        ended = await Rassom(folder, bare_environment(folder, **told(self.api.settings)))("payments", "reconcile")
        assert ended.code == 0, ended.said + ended.complained

    async def set_price(self, model_key: str, price: int) -> None:
        """Change a price, as an operator does; the bot remembers the old one for a while."""
        async with self.api.resources.transaction() as session:
            await catalogue.set_price(session, model_key, price)

    async def slow_provider(self, seconds: float) -> None:
        """Let the provider take its time; `calm_provider` makes it quick again."""
        (await self.api.control.put("/config", json={"delay_s": seconds})).raise_for_status()

    async def calm_provider(self) -> None:
        """Make the provider what it was at its start: quick, without faults, with an empty log and history."""
        for what in ("config", "faults", "log", "predictions"):
            (await self.api.control.delete(f"/{what}")).raise_for_status()

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


def _settings(database_url: str, redis_url: str, *free: int) -> Settings:
    api, provider, telegram = free
    values: dict[str, Any] = {
        "port": api,
        "database_url": database_url,
        "redis_url": redis_url,
        "run_migrations": False,
        "wavespeed_api_base_url": f"http://127.0.0.1:{provider}/api/v3",
        "wavespeed_api_key": PROVIDER_KEY,
        "wavespeed_poll_interval_seconds": 0.05,
        "bootstrap_api_key": BOT_KEY,
        "rate_limit_enabled": False,
        "worker_lease_seconds": 2,
        "bot_token": TOKEN,
        "telegram_api_base_url": f"http://127.0.0.1:{telegram}",
    }
    return Settings(_env_file=None, **values)


def _servers(settings: Settings, folder: Path) -> list[Part]:
    """All but the bot. The simulators say where they are; the API's line is its server's."""
    telegram_port = str(urlsplit(settings.telegram_api_base_url).port)
    provider, telegram = ["--api-key", PROVIDER_KEY, "--delay", "0.05", "--port"], ["--token", TOKEN, "--port", telegram_port]
    is_up = '"event": "ready"'
    return [
        Part("simulator", ["app.cli", "simulator", *provider, str(urlsplit(_origin(settings)).port)], {}, folder, is_up),
        Part("telegram", ["app.cli", "telegram-simulator", *telegram], {}, folder, is_up),
        Part("api", ["app.cli", "api"], told(settings), folder, "Uvicorn running on"),
        Part("worker", ["app.cli", "worker"], told(settings), folder, "worker_started"),
    ]


async def _all_started(stack: AsyncExitStack, parts: list[Part]) -> None:
    """Start them side by side; the stack stops those that run at its end."""
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part.start())
    for part in parts:
        stack.push_async_callback(_stopped, part)


async def _stopped(part: Part) -> None:
    if part.is_running:
        await part.stop()


def _origin(settings: Settings) -> str:
    return settings.wavespeed_api_base_url.removesuffix("/api/v3")


def _of_bot(settings: Settings, wire: Link) -> dict[str, str]:
    return {
        "BOT_TOKEN": TOKEN,
        "API_BASE_URL": f"http://127.0.0.1:{wire.port}",
        "API_KEY": BOT_KEY,
        "REDIS_URL": told(settings)["REDIS_URL"],
        "TELEGRAM_API_BASE_URL": settings.telegram_api_base_url,
        "ADMIN_IDS": str(OPERATOR),
        "BOT_DELIVERY_LEASE_SECONDS": str(LEASE_S),
    }
