"""Table `operator_actions`: who did what to whom, and why. Rows are never updated or deleted (the triggers of migration 0010)."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity
from app.domain.operators.rules import Action

_ACTIONS = ", ".join(repr(str(action)) for action in Action)


class OperatorAction(Base):
    """One deed, written in the transaction that did it. `actor` is a service key (`key:7`) or a person (`telegram:1001`)."""

    __tablename__ = "operator_actions"
    __table_args__ = (
        CheckConstraint(f"action IN ({_ACTIONS})", name="action_known"),
        CheckConstraint("action <> 'ban' OR reason IS NOT NULL", name="ban_has_reason"),
        Index("ix_operator_actions_user_id_id", "user_id", "id"),
    )

    id: Mapped[int] = identity()
    actor: Mapped[str]
    action: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
