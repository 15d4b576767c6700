"""Updates: what waits for the bot until it says that it has it."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from telegram_simulator import clock
from telegram_simulator.errors import TelegramError
from telegram_simulator.store import Store

KEPT_S = 24 * 3600
BATCH_MAX = 100
POLL_S_MAX = 50
# What a bot gets that never said what it wants: everything but these.
ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_TERMINATED = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
_WEBHOOK_ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


@dataclass(slots=True)
class Update:
    """One update; `chat_id` keeps those of a chat in their order when a webhook takes several at once."""

    update_id: int
    kind: str
    payload: dict[str, Any]
    chat_id: int
    added_at: int

    def wire(self) -> dict[str, Any]:
        """Return the update as the bot gets it."""
        return {"update_id": self.update_id, self.kind: self.payload}


@dataclass(slots=True)
class Subscription:
    """How the bot wants its updates."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    allowed: list[str] | None = None
    last_error_date: int = 0
    last_error_message: str = ""


class Updates:
    """The bot's updates that it has not confirmed, the oldest first, and how it wants to get them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.pending: dict[int, Update] = {}
        self.subscription = Subscription()
        self.changed = asyncio.Event()
        self._reader = 0
        self._is_closed = False
        # Above those of a run before that kept nothing, and well below 2^31.
        self._last_id = clock.unix_s() % 10_000_000 * 100
        for value in sorted(store.load("update"), key=lambda entry: int(entry["update_id"])):
            self.pending[value["update_id"]] = Update(**value)
            self._last_id = max(self._last_id, value["update_id"])
        for value in store.load("subscription"):
            self._last_id = max(self._last_id, value.pop("last_id"))
            self.subscription = Subscription(**value)

    def add(self, kind: str, payload: dict[str, Any], chat_id: int) -> Update | None:
        """Tell the bot; None when it does not want this kind."""
        allowed = self.subscription.allowed
        if (kind not in allowed) if allowed else (kind in ON_REQUEST):
            return None
        self._last_id += 1
        update = Update(self._last_id, kind, payload, chat_id, clock.unix_s())
        self.pending[update.update_id] = update
        self._store.keep("update", update.update_id, asdict(update))
        while (oldest := next(iter(self.pending.values()))).added_at < update.added_at - KEPT_S:
            self.confirm(oldest)
        self.stir()
        return update

    def confirm(self, update: Update) -> None:
        """The bot has it: forget it."""
        if self.pending.pop(update.update_id, None) is not None:
            self._store.drop("update", update.update_id)

    def drop_pending(self) -> None:
        """Forget everything that waits."""
        for update in list(self.pending.values()):
            self.confirm(update)

    def subscribe(self, subscription: Subscription) -> None:
        """Send updates as the bot wants them from now on."""
        self.subscription = subscription
        self.save()
        self.stir()

    def save(self) -> None:
        """Keep how updates are sent."""
        self._store.keep("subscription", "", asdict(self.subscription) | {"last_id": self._last_id})

    def stir(self) -> None:
        """Wake whoever waits for a change of what waits, or of how it is sent."""
        self.changed.set()
        self.changed = asyncio.Event()

    def close(self) -> None:
        """Let every waiting reader go."""
        self._is_closed = True
        self.stir()

    async def poll(self, offset: int, limit: int, timeout_s: float, allowed: list[str] | None) -> list[Update]:
        """Confirm what lies before the offset and return what waits, or what comes within the time.

        Raises TelegramError 409 when a webhook is set, and when somebody else begins to read meanwhile.
        """
        if self.subscription.url:
            raise TelegramError(409, _WEBHOOK_ACTIVE)
        if allowed is not None and allowed != self.subscription.allowed:
            self.subscription.allowed = allowed
            self.save()
        self._confirm_before(offset)
        self._reader += 1
        me = self._reader
        self.stir()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(timeout_s, 0), POLL_S_MAX)
        while not self.pending and not self._is_closed and loop.time() < deadline:
            try:
                async with asyncio.timeout_at(deadline):
                    await self.changed.wait()
            except TimeoutError:
                break
            if self._reader != me:
                raise TelegramError(409, _TERMINATED)
            if self.subscription.url:
                raise TelegramError(409, "Conflict: terminated by setWebhook request")
        size = limit if 0 < limit <= BATCH_MAX else BATCH_MAX
        return list(self.pending.values())[:size]

    def _confirm_before(self, offset: int) -> None:
        waiting = list(self.pending.values())
        confirmed = waiting[:offset] if offset < 0 else [update for update in waiting if update.update_id < offset]
        for update in confirmed:
            self.confirm(update)

    def clear(self) -> None:
        """Forget everything that waits and how it was to be sent."""
        self.drop_pending()
        self.subscribe(Subscription())
