"""Table `provider_health`: one row per provider, which all processes share. Written only when something changes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Float, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.provider.health import Trouble


class ProviderHealth(Base):
    """The breaker (open exactly when it has a `reason`), and the account's balance as it was last read."""

    __tablename__ = "provider_health"
    __table_args__ = (
        CheckConstraint(f"reason IN ({', '.join(repr(str(trouble)) for trouble in Trouble)})", name="reason_known"),
        CheckConstraint(
            "(reason IS NULL) = (probe_at IS NULL) AND (reason IS NULL) = (order_at IS NULL)", name="open_has_next_probe"
        ),
        CheckConstraint("(balance_usd IS NULL) = (balance_read_at IS NULL)", name="balance_has_time"),
    )

    provider: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    opening: Mapped[int] = mapped_column(server_default="0")
    opened_in_row: Mapped[int] = mapped_column(server_default="0")
    probes: Mapped[int] = mapped_column(server_default="0")
    probe_at: Mapped[datetime | None]
    order_at: Mapped[datetime | None]
    balance_usd: Mapped[float | None] = mapped_column(Float)
    balance_read_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
