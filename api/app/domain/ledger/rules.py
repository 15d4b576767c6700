"""The book's vocabulary and its pure decisions."""

from enum import StrEnum


class AccountKind(StrEnum):
    """Who an account belongs to: a user's wallet, or one of the house's own."""

    WALLET = "wallet"
    HOLDS = "holds"
    REVENUE = "revenue"
    GRANTS = "grants"
    STARS = "stars"
    PROVIDER_LOSS = "provider_loss"


class EntryType(StrEnum):
    """Why credits moved."""

    GENERATION_HOLD = "generation_hold"
    GENERATION_CAPTURE = "generation_capture"
    GENERATION_RELEASE = "generation_release"
    GRANT = "grant"
    ADJUSTMENT = "adjustment"
    TOPUP = "topup"
    REFUND = "refund"


HOUSE_KINDS = tuple(kind for kind in AccountKind if kind is not AccountKind.WALLET)
NEVER_NEGATIVE_KINDS = (AccountKind.WALLET, AccountKind.HOLDS)

STRIPES = 32
"""Accounts per house kind. A hold locks one of them until its commit, so this bounds how far submits queue behind each other."""


def stripe_of(user_id: int) -> int:
    """Which of the house's accounts moves credits for this user: always the same one, so a hold comes back where it went."""
    return user_id % STRIPES


def is_affordable(*, balance: int, amount: int) -> bool:
    """Whether a wallet with `balance` can give `amount` (negative: can take any)."""
    return balance + min(0, -amount) >= 0
