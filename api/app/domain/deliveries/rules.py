"""The life of a delivery."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """How far the telling of one ended generation is. Only a `sending` one has an owner: the bot that claimed it last."""

    DUE = "due"
    SENDING = "sending"
    DELIVERED = "delivered"
    BLOCKED = "blocked"
    GIVEN_UP = "given_up"


class Outcome(StrEnum):
    """What a bot says of a delivery that it claimed; `postponed` was surely not sent."""

    DELIVERED = "delivered"
    BLOCKED = "blocked"
    POSTPONED = "postponed"


OPEN_STATES = (DeliveryState.DUE, DeliveryState.SENDING)
SENDS_MAX = 2
"""The one sending, and at most one repeat when nobody can say whether it arrived. A check in the database says so too."""

AFTER = {
    Outcome.DELIVERED: DeliveryState.DELIVERED,
    Outcome.BLOCKED: DeliveryState.BLOCKED,
    Outcome.POSTPONED: DeliveryState.DUE,
}
"""What each outcome makes of a delivery."""
