"""The simulator put together, as methods and control requests use it."""

import asyncio
from typing import Any

import aiohttp

from telegram_simulator.chats import Chat, Chats, Message, User
from telegram_simulator.errors import ConnectionCut
from telegram_simulator.faults import FaultBook
from telegram_simulator.files import Files
from telegram_simulator.queries import Queries
from telegram_simulator.request_log import RequestLog
from telegram_simulator.settings import TelegramSettings
from telegram_simulator.stars import Stars
from telegram_simulator.store import Store
from telegram_simulator.updates import Updates


class Telegram:
    """One Telegram with one bot. `open` and `close` belong to the running event loop."""

    def __init__(self, settings: TelegramSettings) -> None:
        self.settings = settings
        self.store = Store(settings.state_dir)
        self.bot = User(settings.bot_id, settings.name, settings.username)
        self.chats = Chats(self.store, self.bot)
        self.files = Files(self.store, settings.state_dir / "files" if settings.state_dir else None)
        self.updates = Updates(self.store)
        self.stars = Stars(self.store)
        self.taps = Queries(settings.callback_ttl_s)
        self.checkouts = Queries(settings.pre_checkout_ttl_s)
        self.faults = FaultBook()
        self.log = RequestLog(settings.request_log_max)
        self.profile: dict[str, Any] = next(self.store.load("profile"), {})
        self.closing = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready to fetch and deliver."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))

    def let_go(self) -> None:
        """Let every held request go."""
        self.closing.set()
        self.updates.close()
        self.taps.let_go()
        self.checkouts.let_go()
        for chat in self.chats.chats.values():
            chat.stir()

    async def close(self) -> None:
        """Stop fetching and delivering, and write down what has to be kept."""
        if self._session is not None:
            await self._session.close()
        self.store.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The client for everything this Telegram fetches or delivers."""
        if self._session is None:
            raise RuntimeError("the simulator is not open")
        return self._session

    def set_profile(self, name: str, value: object) -> None:
        """Keep something the bot says of itself: commands, descriptions, its menu button."""
        self.profile[name] = value
        self.store.keep("profile", "", self.profile)

    def tell(self, kind: str, payload: dict[str, Any], chat: Chat) -> None:
        """Put an update into the bot's line."""
        self.updates.add(kind, payload, chat.id)

    def tell_message(self, message: Message) -> None:
        """Put a message into the bot's line."""
        self.tell("message", self.chats.wire(message), self.chats.chats[message.chat_id])

    async def hold(self, seconds: float) -> None:
        """Keep the request waiting; raises ConnectionCut when the simulator closes meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return
        raise ConnectionCut

    def reset(self) -> None:
        """Forget people, chats, files, updates, payments, faults and the log, as of a bot that was just made."""
        self.store.wipe()
        self.chats.clear()
        self.files.clear()
        self.stars.clear()
        self.profile = {}
        self.faults.faults.clear()
        self.log.clear()
        self.updates.clear()
