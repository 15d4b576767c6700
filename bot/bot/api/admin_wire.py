"""What the API answers to operators, as far as the bot reads it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from bot.api.wire import Answer


class Totals(Answer):
    """A day of the shop."""

    day: str
    new_users: int
    generations_submitted: int
    completed: int
    failed: int
    cancelled: int
    credits_captured: int
    credits_granted: int
    active_now: int
    stars_received: int
    credits_sold: int


class AdminUser(Answer):
    """Somebody as operators see them."""

    telegram_id: int
    username: str | None
    first_name: str | None
    last_name: str | None
    language_code: str | None
    created_at: datetime
    banned_at: datetime | None
    ban_reason: str | None
    balance: int
    held: int
    trial_used: bool
    generations_total: int


class Granted(Answer):
    """A gift of credits."""

    balance: int


class Broadcast(Answer):
    """A message to many."""

    id: UUID
    text: str
    language_code: str | None
    state: Literal["running", "done", "stopped"]
    total: int
    sent: int
    failed: int
    blocked: int


class Broadcasts(Answer):
    """A page of broadcasts."""

    items: list[Broadcast]


class Recipients(Answer):
    """Who is to get it next, under the number that the report names; each is told at most once ever."""

    claim: int
    items: list[int]
