"""Table `trial_uses`: free generations, held and given back like credits.

"At most TRIAL_GENERATIONS per person" is a constraint: a use takes one of the slots 1 to limit, and a slot is taken once.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity


class TrialUse(Base):
    """One free generation of a user: the slot it takes of the `slot_limit` there were."""

    __tablename__ = "trial_uses"
    __table_args__ = (
        CheckConstraint("slot BETWEEN 1 AND slot_limit", name="slot_within_limit"),
        CheckConstraint("state IN ('held', 'used', 'restored')", name="state_known"),
        CheckConstraint("(state = 'held') = (settled_at IS NULL)", name="settled_when_not_held"),
        Index("uq_trial_uses_user_id_slot_taken", "user_id", "slot", unique=True, postgresql_where="state <> 'restored'"),
    )

    id: Mapped[int] = identity()
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    slot: Mapped[int] = mapped_column(SmallInteger)
    slot_limit: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[datetime | None]
