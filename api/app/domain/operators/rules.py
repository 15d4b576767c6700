"""What operators do that is written down for ever, and how they are named."""

from enum import StrEnum


class Action(StrEnum):
    """One deed of an operator."""

    BAN = "ban"
    UNBAN = "unban"


def actor_of(caller: str, telegram_id: int | None) -> str:
    """Who acts: the operator whom the caller names, or else the caller itself."""
    return caller if telegram_id is None else f"telegram:{telegram_id}"
