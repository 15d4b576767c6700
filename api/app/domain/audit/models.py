"""Table `audit_runs`: one row per scheduled audit of the last weeks, for whoever asks when the books were last looked at."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped

from app.db.base import Base, identity


class AuditRun(Base):
    """When the books were looked at, for how long, and how many rows broke each invariant (`{"I1": 0, …}`)."""

    __tablename__ = "audit_runs"

    id: Mapped[int] = identity()
    started_at: Mapped[datetime]
    took_ms: Mapped[int]
    violations: Mapped[dict[str, Any]]
