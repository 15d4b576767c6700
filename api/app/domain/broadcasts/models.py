"""Tables of broadcasts: one text of an operator, and one row per recipient, fixed when it was made."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity
from app.domain.broadcasts.rules import BroadcastState, RecipientState


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class Broadcast(Base):
    """A text for everybody, or for who speaks a language. `claims` numbers the handings out; sent, failed and blocked are counted
    in the transactions that change the recipients, under this row's lock.
    """

    __tablename__ = "broadcasts"
    __table_args__ = (
        CheckConstraint(_in("state", tuple(BroadcastState)), name="state_known"),
        CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended_has_time"),
        CheckConstraint("sent + failed + blocked <= total", name="no_more_than_total"),
    )

    id: Mapped[int] = identity()
    public_id: Mapped[UUID] = mapped_column(unique=True)
    text: Mapped[str]
    language_code: Mapped[str | None]
    actor: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=BroadcastState.RUNNING)
    claims: Mapped[int] = mapped_column(server_default="0")
    total: Mapped[int] = mapped_column(server_default="0")
    sent: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    blocked: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class BroadcastRecipient(Base):
    """Somebody a broadcast is for: once, by the primary key. `claim` is the handing out that took it."""

    __tablename__ = "broadcast_recipients"
    __table_args__ = (
        CheckConstraint(_in("state", tuple(RecipientState)), name="state_known"),
        CheckConstraint("(state = 'due') = (claim IS NULL)", name="claimed_by_one"),
        CheckConstraint("(claim IS NULL) = (claimed_at IS NULL)", name="claim_has_time"),
        Index("ix_broadcast_recipients_due", "broadcast_id", "user_id", postgresql_where="state = 'due'"),
        Index("ix_broadcast_recipients_claimed", "broadcast_id", "claimed_at", postgresql_where="state = 'claimed'"),
    )

    broadcast_id: Mapped[int] = mapped_column(ForeignKey("broadcasts.id"), primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(server_default=RecipientState.DUE)
    claim: Mapped[int | None]
    claimed_at: Mapped[datetime | None]
