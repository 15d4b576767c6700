"""A user's free generations as the outside sees them."""

from pydantic import BaseModel


class TrialRead(BaseModel):
    """`used_count` counts running ones too; a failed generation gives its trial back."""

    user_id: int
    telegram_id: int
    trial_available: bool
    used_count: int
    limit: int
