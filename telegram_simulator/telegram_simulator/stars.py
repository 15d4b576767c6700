"""Telegram Stars: invoices, what was paid for them, and the bot's transactions."""

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from telegram_simulator import clock
from telegram_simulator.errors import bad_request
from telegram_simulator.store import Store


@dataclass(frozen=True, slots=True)
class Transaction:
    """One movement of Stars at the bot; a refund has the id of the payment it takes back."""

    number: int
    id: str
    amount: int
    date: int
    user: dict[str, Any]
    invoice_payload: str
    is_refund: bool

    def wire(self) -> dict[str, Any]:
        """Return it as `getStarTransactions` does."""
        partner: dict[str, Any] = {"type": "user", "transaction_type": "invoice_payment", "user": self.user}
        if self.invoice_payload:
            partner["invoice_payload"] = self.invoice_payload
        shown = {"id": self.id, "amount": self.amount, "date": self.date}
        return shown | {"receiver" if self.is_refund else "source": partner}


class Stars:
    """The bot's Stars, the oldest transaction first; none is ever forgotten."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.transactions: list[Transaction] = []
        self.payments: dict[str, Transaction] = {}
        self.refunded: set[str] = set()
        self.links: dict[str, dict[str, Any]] = {}
        for value in sorted(store.load("transaction"), key=lambda entry: int(entry["number"])):
            self._know(Transaction(**value))
        for value in store.load("link"):
            self.links[value["link"]] = value["invoice"]

    def _know(self, transaction: Transaction) -> None:
        self.transactions.append(transaction)
        if transaction.is_refund:
            self.refunded.add(transaction.id)
        else:
            self.payments[transaction.id] = transaction

    def _add(self, transaction: Transaction) -> Transaction:
        self._know(transaction)
        self._store.keep("transaction", transaction.number, asdict(transaction))
        return transaction

    def pay(self, user: dict[str, Any], amount: int, payload: str) -> Transaction:
        """Take Stars from a person; the transaction's id is the charge id of the payment."""
        charge_id = f"stx{secrets.token_urlsafe(36)}"
        return self._add(Transaction(len(self.transactions), charge_id, amount, clock.unix_s(), user, payload, is_refund=False))

    def refund(self, user_id: int, charge_id: str) -> Transaction:
        """Give the Stars of a payment back; raises TelegramError for an unknown payment and for one given back already."""
        payment = self.payments.get(charge_id)
        if payment is None or payment.user["id"] != user_id:
            raise bad_request("CHARGE_NOT_FOUND")
        if charge_id in self.refunded:
            raise bad_request("CHARGE_ALREADY_REFUNDED")
        number, date = len(self.transactions), clock.unix_s()
        return self._add(
            Transaction(number, charge_id, payment.amount, date, payment.user, payment.invoice_payload, is_refund=True)
        )

    @property
    def balance(self) -> int:
        """How many Stars the bot has."""
        return sum(-entry.amount if entry.is_refund else entry.amount for entry in self.transactions)

    def add_link(self, invoice: dict[str, Any]) -> str:
        """Return a link under which anybody can pay the invoice, as often as they like."""
        link = f"https://t.me/${secrets.token_urlsafe(12)}"
        self.links[link] = invoice
        self._store.keep("link", link, {"link": link, "invoice": invoice})
        return link

    def clear(self) -> None:
        """Forget everything."""
        for held in (self.transactions, self.payments, self.refunded, self.links):
            held.clear()
