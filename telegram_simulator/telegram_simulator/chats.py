"""People, chats and the messages in them."""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from telegram_simulator import clock
from telegram_simulator.errors import BLOCKED, TelegramError, bad_request
from telegram_simulator.store import Store

MESSAGES_IN_CHAT_MAX = 1000
MESSAGES_MAX = 200_000
Body = dict[str, Any]


@dataclass(slots=True)
class User:
    """Somebody with a Telegram account."""

    id: int
    first_name: str
    username: str | None = None
    last_name: str | None = None
    language_code: str | None = None

    def wire(self) -> Body:
        """Return the user as the Bot API shows one."""
        return {name: value for name, value in ({"is_bot": False} | asdict(self)).items() if value is not None}


@dataclass(slots=True)
class Message:
    """One message. `body` is what the Bot API shows of its content; `invoice` is what an invoice's message is about."""

    chat_id: int
    message_id: int
    from_id: int
    date: int
    body: Body
    reply_to: int | None = None
    markup: Body | None = None
    edits: int = 0
    edit_date: int | None = None
    is_deleted: bool = False
    invoice: Body | None = None
    is_service: bool = False


@dataclass(slots=True)
class Chat:
    """One chat: of a person with the bot, or a group. `keyboard` is what stands in place of the phone's own."""

    id: int
    type: str
    title: str = ""
    keyboard: Body | None = None
    is_blocked: bool = False
    is_started: bool = False
    version: int = 0
    messages: dict[int, Message] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def kept(self) -> Body:
        """Return what a restart keeps of the chat itself."""
        return {name: getattr(self, name) for name in ("id", "type", "title", "keyboard", "is_blocked", "is_started")}

    def stir(self) -> None:
        """Wake whoever waits for a change of this chat."""
        self.version += 1
        self.changed.set()
        self.changed = asyncio.Event()


class Chats:
    """All people, chats and messages. Changes go through its methods, so that a restart sees each of them."""

    def __init__(self, store: Store, bot: User) -> None:
        self._store = store
        self.bot = bot
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self._order: deque[tuple[int, int]] = deque()
        self._last_message_id = 0
        self._last_user_id = 700_000_000
        self._load()

    def _load(self) -> None:
        for value in self._store.load("user"):
            self.users[value["id"]] = User(**value)
            self._last_user_id = max(self._last_user_id, value["id"])
        for value in self._store.load("chat"):
            self.chats[value["id"]] = Chat(**value)
        messages = [Message(**value) for value in self._store.load("message")]
        for message in sorted(messages, key=lambda entry: entry.message_id):
            self.chats[message.chat_id].messages[message.message_id] = message
            self._order.append((message.chat_id, message.message_id))
            self._last_message_id = message.message_id

    def add_user(self, user_id: int | None, first_name: str, **more: str | None) -> User:
        """Make a person, or change the one of that id, with the chat that the bot will see."""
        self._last_user_id += 1
        user = User(user_id or self._last_user_id, first_name, **more)
        self.users[user.id] = user
        self._store.keep("user", user.id, asdict(user))
        if user.id not in self.chats:
            self.chats[user.id] = Chat(user.id, "private")
            self.save(self.chats[user.id])
        return user

    def open_group(self, chat_id: int, kind: str, title: str) -> Chat:
        """Return the group of that id, made when it is new."""
        if chat_id not in self.chats:
            self.chats[chat_id] = Chat(chat_id, kind, title, is_started=True)
            self.save(self.chats[chat_id])
        return self.chats[chat_id]

    def save(self, chat: Chat) -> None:
        """Keep the chat as it is now."""
        self._store.keep("chat", chat.id, chat.kept())
        chat.stir()

    def writable(self, chat_id: str) -> Chat:
        """Return the chat the bot may write to; raises TelegramError for an unknown one and one that blocked the bot."""
        if not chat_id:
            raise bad_request("chat_id is empty")
        chat = self.chats.get(int(chat_id)) if chat_id.removeprefix("-").isdecimal() else None
        # Telegram's bots know only whom they have met: somebody who never wrote to the bot is not found.
        if chat is None or not chat.is_started:
            raise bad_request("chat not found")
        if chat.is_blocked:
            raise TelegramError(403, BLOCKED)
        return chat

    def add(self, chat: Chat, from_id: int, body: Body, **more: Any) -> Message:
        """Write a message into the chat."""
        self._last_message_id += 1
        message = Message(chat.id, self._last_message_id, from_id, clock.unix_s(), body, **more)
        chat.messages[message.message_id] = message
        self._order.append((chat.id, message.message_id))
        self.changed(message)
        if len(chat.messages) > MESSAGES_IN_CHAT_MAX:
            self._forget(chat.id, next(iter(chat.messages)))
        while len(self._order) > MESSAGES_MAX:
            self._forget(*self._order.popleft())
        return message

    def changed(self, message: Message) -> None:
        """Keep the message as it is now."""
        self._store.keep("message", message.message_id, asdict(message))
        self.chats[message.chat_id].stir()

    def _forget(self, chat_id: int, message_id: int) -> None:
        if self.chats[chat_id].messages.pop(message_id, None) is not None:
            self._store.drop("message", message_id)

    def find(self, chat: Chat, message_id: int) -> Message | None:
        """Return the message that stands in the chat, or None."""
        message = chat.messages.get(message_id)
        return None if message is None or message.is_deleted else message

    def chat_wire(self, chat: Chat) -> Body:
        """Return the chat as the Bot API shows it inside a message."""
        if chat.type != "private":
            return {"id": chat.id, "type": chat.type, "title": chat.title}
        user = self.users[chat.id].wire()
        return {name: user[name] for name in ("id", "first_name", "last_name", "username") if name in user} | {"type": "private"}

    def sender_wire(self, user_id: int) -> Body:
        """Return who wrote a message: the bot or a person."""
        return self.bot.wire() | {"is_bot": True} if user_id == self.bot.id else self.users[user_id].wire()

    def wire(self, message: Message, *, with_reply: bool = True) -> Body:
        """Return the message as the Bot API shows it."""
        chat = self.chats[message.chat_id]
        shown = {
            "message_id": message.message_id,
            "from": self.sender_wire(message.from_id),
            "chat": self.chat_wire(chat),
            "date": message.date,
        }
        if message.edit_date is not None:
            shown["edit_date"] = message.edit_date
        if with_reply and message.reply_to is not None:
            origin = self.find(chat, message.reply_to)
            if origin is not None:
                shown["reply_to_message"] = self.wire(origin, with_reply=False)
        shown |= message.body
        if message.markup is not None:
            shown["reply_markup"] = message.markup
        return shown

    def clear(self) -> None:
        """Forget everybody; message ids go on, as Telegram never gives one twice."""
        self.users.clear()
        self.chats.clear()
        self._order.clear()
