"""The states of one free generation."""

from enum import StrEnum


class TrialState(StrEnum):
    """held while its generation runs, used when it completed, restored when it did not."""

    HELD = "held"
    USED = "used"
    RESTORED = "restored"
