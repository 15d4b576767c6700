"""What an audit says."""

from pydantic import BaseModel


class Finding(BaseModel):
    """One invariant: how many rows break it, and the first few of them as text."""

    invariant: str
    title: str
    violations: int
    examples: list[str]
    took_ms: float

    @property
    def is_clean(self) -> bool:
        """Whether the invariant holds."""
        return self.violations == 0


class AuditRead(BaseModel):
    """All invariants, of one moment."""

    is_clean: bool
    findings: list[Finding]
