"""What an audit asks and says."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel


@dataclass(frozen=True)
class Invariant:
    """A rule and the query for the rows that break it: a text that names the row, the same in each run, and what it touches:
    ('account' | 'transfer' | 'user', its id), or nulls.
    """

    id: str
    title: str
    sql: str


class Touched(BaseModel):
    """The violations of one invariant that touch one account (None: no single one), and a digest of all of them."""

    account_id: int | None
    violations: int
    examples: list[str]
    evidence: str


class Finding(BaseModel):
    """One invariant: how many rows break it, the first few of them as text, and the accounts that they touch."""

    invariant: str
    title: str
    violations: int
    examples: list[str]
    accounts: list[Touched]
    took_ms: float

    @property
    def is_clean(self) -> bool:
        """Whether the invariant holds."""
        return self.violations == 0


class AuditRead(BaseModel):
    """All invariants, of one moment."""

    is_clean: bool
    started_at: datetime
    took_ms: float
    findings: list[Finding]
