"""What the whole installation is doing now, as its database says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LastAudit:
    """The newest scheduled audit: rows that break each invariant, when it began (Unix time) and how long it took."""

    violations: dict[str, int]
    started_at_s: float
    took_s: float


@dataclass(frozen=True)
class Stats:
    """`active` counts generations by (status, model key); ages are in seconds, holds in credits."""

    active: dict[tuple[str, str], int]
    queue_depth: int
    queue_age_s: float
    slots_taken: int
    holds_credits: int
    unknown_attempts: int
    accounts_frozen: int
    last_audit: LastAudit | None
