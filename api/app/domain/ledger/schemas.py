"""Money as the outside sees it, and as other rooms ask for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from app.domain.ledger.rules import EntryType
from app.domain.users.schemas import TelegramId
from app.schemas.numbers import WHOLE
from app.schemas.text import CleanText

AMOUNT_MAX = 10**12


class BalanceRead(BaseModel):
    """A user's credits: `balance` can be spent now, `held` is reserved by running generations."""

    user_id: int
    telegram_id: int
    balance: int
    held: int


class EntryRead(BaseModel):
    """One line of a statement: negative amounts left the wallet."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    amount: int
    balance_after: int
    entry_type: EntryType
    reference_id: str | None
    description: str | None
    created_at: datetime


class CreditsGrant(BaseModel):
    """Credits that an operator gives, or takes back with a negative amount."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId
    amount: Annotated[int, Field(strict=True, ge=-AMOUNT_MAX, le=AMOUNT_MAX, examples=[10]), WHOLE]
    reason: Annotated[CleanText, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] = Field(examples=["gift"])
    actor_telegram_id: TelegramId | None = Field(default=None, description="Who acts, if it is not the key itself")

    @field_validator("amount")
    @classmethod
    def _check_amount(cls, amount: int) -> int:
        if amount == 0:
            msg = "must not be 0"
            raise ValueError(msg)
        return amount


class CreditsRead(BaseModel):
    """What a grant wrote: the wallet's entry, and what can be spent after it."""

    entry_id: int
    balance: int


@dataclass(frozen=True)
class Balance:
    """A wallet's credits: what can be spent and what is held."""

    spendable: int
    held: int


@dataclass(frozen=True)
class Memo:
    """What stands on the statement beside an amount, and who gave it."""

    reference_id: str | None
    description: str | None
    actor: str | None = None


@dataclass(frozen=True)
class WalletEntry:
    """What a transfer wrote into a wallet."""

    id: int
    transfer_id: int
    balance_after: int


class FreezeRead(BaseModel):
    """A wallet that is frozen: whose, since when, and what was found."""

    model_config = ConfigDict(from_attributes=True)

    account_id: int
    telegram_id: int
    invariant: str
    violation: str
    created_at: datetime


@dataclass(frozen=True)
class Violation:
    """What an audit found of an account: the first of it as text, and a digest of all of it."""

    account_id: int
    example: str
    evidence: str
