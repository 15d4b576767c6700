"""Telegram as tests of payments play with it: people who pay, refunds that nobody here made, and faults."""

from dataclasses import dataclass
from typing import Any

import httpx2

from telegram_simulator.server import RunningTelegram
from telegram_simulator.stars import Transaction
from tests.factories import NO_TLS


@dataclass(frozen=True)
class TelegramSide:
    """A running Telegram in which nothing happened yet."""

    running: RunningTelegram

    @property
    def url(self) -> str:
        """Where its Bot API is."""
        return self.running.url

    @property
    def transactions(self) -> list[Transaction]:
        """The bot's Star transactions."""
        return self.running.telegram.stars.transactions

    def refunds(self) -> list[str]:
        """The charge ids whose Stars went back."""
        return [each.id for each in self.transactions if each.is_refund]

    def asked(self, method: str) -> int:
        """How often the bot has called a method."""
        return len(self.running.telegram.log.entries(method))

    async def take(self, order: dict[str, Any], **other: Any) -> str:
        """Take the Stars of an order and tell the bot nothing; the charge id. `other` is what does not fit."""
        paid = {"telegram_id": order["telegram_id"], "payload": order["id"], "stars": order["price_stars"], **other}
        if paid["telegram_id"] not in self.running.telegram.chats.users:
            await self._control("/users", id=paid["telegram_id"], first_name="Aziza")
        payer = self.running.telegram.chats.users[paid["telegram_id"]].wire()
        return self.running.telegram.stars.pay(payer, paid["stars"], paid["payload"]).id

    async def give_back(self, charge_id: str) -> None:
        """Refund a payment without the bot."""
        await self._control(f"/star-transactions/{charge_id}/refund", drop_update=True)

    async def fault(self, kind: str, method: str = "refundStarPayment", *, times: int = 1) -> None:
        """Make Telegram misbehave at its next calls of this method."""
        await self._control("/faults", kind=kind, method=method, times=times)

    async def _control(self, path: str, **body: Any) -> None:
        async with httpx2.AsyncClient(base_url=f"{self.url}/sim", verify=NO_TLS) as control:
            (await control.post(path, json=body)).raise_for_status()
