"""Table `users`: a person, known by the Telegram id. No balance here: money is what the ledger's entries say."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity


class User(Base):
    """One Telegram user; what they chose (`preferences`), and since when and why an operator wants nothing of them."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("telegram_id > 0", name="telegram_id_positive"),
        CheckConstraint("(banned_at IS NULL) = (ban_reason IS NULL)", name="ban_has_reason"),
        Index("ix_users_created_at", "created_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    )

    id: Mapped[int] = identity()
    telegram_id: Mapped[int] = mapped_column(unique=True)
    username: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    language_code: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    preferences: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    banned_at: Mapped[datetime | None]
    ban_reason: Mapped[str | None]


Index("ix_users_username_lower", func.lower(User.username))
