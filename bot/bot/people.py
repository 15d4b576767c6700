"""Who the bot talks to: known to the API, with their language and what they have chosen.

Both are remembered for a while, so that a tap does not cost two calls; what is chosen here is known here at once, and to another
process of the bot within that while.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, replace

from aiogram.types import User

from bot.api import people as calls
from bot.api.client import ApiClient
from bot.api.errors import ApiRefusalError
from bot.api.wire import Preferences
from bot.translation import Translator, nearest_language, translator

REMEMBERED_S = 60.0
REMEMBERED_MAX = 50_000


@dataclass(frozen=True)
class Person:
    """Somebody in a conversation."""

    telegram_id: int
    telegram_language: str | None
    preferences: Preferences

    @property
    def language(self) -> str:
        """What they have chosen, else the nearest to their Telegram's."""
        return self.preferences.language or nearest_language(self.telegram_language)

    @property
    def t(self) -> Translator:
        """The texts in their language."""
        return translator(self.language)


class People:
    """Everybody this process has talked to lately."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._known: OrderedDict[int, tuple[float, User | None, Person]] = OrderedDict()

    async def meet(self, user: User) -> Person:
        """Somebody who wrote or tapped: made known to the API, with the name they have now. Raises ApiError."""
        remembered = self._recall(user.id)
        if remembered and remembered[0] == user:
            return remembered[1]
        await calls.sync(
            self._api,
            {
                "telegram_id": user.id,
                "username": user.username,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "language_code": user.language_code,
            },
        )
        return self._remember(user, await self._ask(user.id, user.language_code))

    def stranger(self, user: User) -> Person:
        """Somebody as far as they are known without a call."""
        remembered = self._recall(user.id)
        return remembered[1] if remembered else Person(user.id, user.language_code, Preferences())

    def forget(self, telegram_id: int) -> None:
        """Ask about this person anew."""
        self._known.pop(telegram_id, None)

    async def find(self, telegram_id: int, telegram_language: str | None) -> Person:
        """Somebody who is to be told something. Raises ApiError."""
        remembered = self._recall(telegram_id)
        if remembered:
            return remembered[1]
        person = await self._ask(telegram_id, telegram_language)
        self._known[telegram_id] = (time.monotonic(), None, person)
        return person

    async def prefer(self, person: Person, **chosen: str | int | None) -> Person:
        """Change what they have chosen. Raises ApiError."""
        wanted = person.preferences.model_copy(update=chosen)
        kept = await calls.prefer(self._api, person.telegram_id, wanted)
        changed = replace(person, preferences=kept)
        _, user, _ = self._known.get(person.telegram_id, (0.0, None, person))
        self._known[person.telegram_id] = (time.monotonic(), user, changed)
        return changed

    def recall_language(self, telegram_id: int) -> str | None:
        """Somebody's language, if it is at hand: without a call."""
        remembered = self._recall(telegram_id)
        return remembered[1].language if remembered else None

    async def _ask(self, telegram_id: int, telegram_language: str | None) -> Person:
        try:
            preferences = await calls.preferences(self._api, telegram_id)
        except ApiRefusalError as error:
            if error.code != "user_not_found":
                raise
            preferences = Preferences()
        return Person(telegram_id, telegram_language, preferences)

    def _recall(self, telegram_id: int) -> tuple[User | None, Person] | None:
        since_s, user, person = self._known.get(telegram_id, (float("-inf"), None, None))
        if person is None or time.monotonic() - since_s > REMEMBERED_S:
            return None
        return user, person

    def _remember(self, user: User, person: Person) -> Person:
        self._known[user.id] = (time.monotonic(), user, person)
        self._known.move_to_end(user.id)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return person
