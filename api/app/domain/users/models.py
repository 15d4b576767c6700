"""Table `users`: a person, known by the Telegram id. No balance here: money is what the ledger's entries say."""

from datetime import datetime

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity


class User(Base):
    """One Telegram user."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("telegram_id > 0", name="telegram_id_positive"),)

    id: Mapped[int] = identity()
    telegram_id: Mapped[int] = mapped_column(unique=True)
    username: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    language_code: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
