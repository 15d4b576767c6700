"""What operators send and see."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.domain.users.schemas import TelegramId
from app.schemas.text import CleanText

ActorTelegramId = Annotated[TelegramId | None, Field(default=None, description="Who acts, if it is not the key itself")]


class Ban(BaseModel):
    """Why somebody is not served any more, for the other operators; the person is not told."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[CleanText, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] = Field(examples=["spam"])
    actor_telegram_id: ActorTelegramId = None


class Unban(BaseModel):
    """Who takes the ban back."""

    model_config = ConfigDict(extra="forbid")

    actor_telegram_id: ActorTelegramId = None


class AdminUser(BaseModel):
    """A person as operators see them. `trial_used`: a free generation was used up, or is being used."""

    id: int
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
    last_generation_at: datetime | None


class Totals(BaseModel):
    """One day of the shop, in UTC. Generations count on the day they were ordered or ended; `active_now` is of this moment.

    `stars_received` are those that came on that day, whatever was given back later.
    """

    day: date
    new_users: int
    generations_submitted: int
    completed: int
    failed: int
    cancelled: int
    credits_captured: int
    credits_granted: int
    credits_sold: int
    stars_received: int
    active_now: int
