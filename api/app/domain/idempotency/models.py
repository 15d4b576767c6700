"""Table `idempotency_keys`: one row per (caller, key), committed together with the effect and the answer of its request.

A request that is refused rolls its row back with everything else, so the same key may be tried again after the reason is gone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity


class IdempotencyKey(Base):
    """A request that was answered: what it asked and what it was told. Keys from before migration 0008 have no `request`."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("caller", "key"), Index("ix_idempotency_keys_created_at", "created_at"))

    id: Mapped[int] = identity()
    caller: Mapped[str]
    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    operation: Mapped[str | None]
    request: Mapped[dict[str, Any] | None]
    effect: Mapped[str | None]
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
