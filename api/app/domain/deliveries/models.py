"""Tables of deliveries: what has to be told to whom, and how far somebody has read the feed."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.domain.deliveries.rules import OPEN_STATES, SENDS_MAX, DeliveryState


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class GenerationDelivery(Base):
    """One ended generation that a bot has to tell its user. The row is born by a trigger (migration 0010) in the transaction of the
    final status, if `client_context` has a whole number as `chat_id`.

    `epoch` rises with each claim, and so does `attempts`; `sends` counts how often a message may have left, `started_epoch` is the
    claim that counted last. `claimable_at` is when anybody may claim it: at once, after what Telegram told to wait, or when the
    lease of its claim is over.
    """

    __tablename__ = "generation_deliveries"
    __table_args__ = (
        CheckConstraint(_in("state", tuple(DeliveryState)), name="state_known"),
        CheckConstraint(f"sends BETWEEN 0 AND {SENDS_MAX}", name="one_repeat"),
        CheckConstraint(f"({_in('state', OPEN_STATES)}) = (ended_at IS NULL)", name="ended_has_time"),
        Index("ix_generation_deliveries_claimable_at_open", "claimable_at", postgresql_where=_in("state", OPEN_STATES)),
        Index("ix_generation_deliveries_created_at_open", "created_at", postgresql_where=_in("state", OPEN_STATES)),
    )

    generation_id: Mapped[int] = mapped_column(ForeignKey("generation_requests.id"), primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(server_default=DeliveryState.DUE)
    epoch: Mapped[int] = mapped_column(server_default="0")
    attempts: Mapped[int] = mapped_column(server_default="0")
    sends: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    started_epoch: Mapped[int | None]
    claimable_at: Mapped[datetime] = mapped_column(server_default=func.now())
    message_ids: Mapped[list[Any] | None] = mapped_column(JSONB)
    file_ids: Mapped[list[Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class FeedCursor(Base):
    """The last event of the feed that somebody has dealt with; it never moves backwards."""

    __tablename__ = "feed_cursors"

    name: Mapped[str] = mapped_column(primary_key=True)
    last_event_id: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
