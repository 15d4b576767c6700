"""Reading the bot's Star transactions.

Facts (Bot API, getStarTransactions): in chronological order, at most 100 a page; `id` is the charge id of a user's payment, and a
refund of it has the same one. `source` is there for incoming ones only, `receiver` for outgoing ones only; a partner of type `user`
carries `user`, and `invoice_payload` when an invoice was paid. Gifts, withdrawals and advertisements stand there as well.
"""

from dataclasses import dataclass
from typing import Any

PAGE_SIZE = 100
CURRENCY = "XTR"


@dataclass(frozen=True)
class StarTransaction:
    """A transaction, as far as it is about a user's payment: `payload` of one that came in, `is_refund` of one that went back.

    `telegram_id` is None when it is about something else; it counts as one of the page all the same.
    """

    id: str
    stars: int
    telegram_id: int | None
    payload: str | None
    is_refund: bool


def read_transactions(answer: object) -> list[StarTransaction]:
    """The transactions of a page. Raises ValueError when it is none: one that cannot be read must not be passed over."""
    listed = answer.get("transactions") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        msg = "no list of transactions"
        raise ValueError(msg)
    return [_transaction(each) for each in listed]


def _transaction(item: Any) -> StarTransaction:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not _is_count(item.get("amount")):
        msg = "a transaction without id or amount"
        raise ValueError(msg)
    source, receiver = item.get("source"), item.get("receiver")
    payload = source.get("invoice_payload") if isinstance(source, dict) else None
    return StarTransaction(
        id=item["id"],
        stars=item["amount"],
        telegram_id=_user_of(source) or _user_of(receiver),
        payload=payload if isinstance(payload, str) else None,
        is_refund=source is None and _user_of(receiver) is not None,
    )


def _user_of(partner: Any) -> int | None:
    if not isinstance(partner, dict) or partner.get("type") != "user":
        return None
    user = partner.get("user")
    telegram_id = user.get("id") if isinstance(user, dict) else None
    return telegram_id if _is_count(telegram_id) else None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
