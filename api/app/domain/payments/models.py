"""Tables of payments: what is on sale, the orders, the money that came, and the money that went back.

"Once" is a constraint: a charge id is credited once, an order has one charge, a charge one transfer, and of an order's refunds only
refused ones stand beside another.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity


class PaymentPackage(Base):
    """So many credits for so many Stars."""

    __tablename__ = "payment_packages"
    __table_args__ = (
        CheckConstraint("credits > 0", name="credits_positive"),
        CheckConstraint("price_stars > 0", name="price_stars_positive"),
    )

    id: Mapped[int] = identity()
    key: Mapped[str] = mapped_column(unique=True)
    credits: Mapped[int]
    price_stars: Mapped[int]
    is_active: Mapped[bool] = mapped_column(server_default="true")
    position: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PaymentOrder(Base):
    """What somebody wants to buy, with its credits and price as they were then. Its public id is the invoice's payload.

    `repeats_id`: money came a second time for one order, and this one was made for it.
    """

    __tablename__ = "payment_orders"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'paid', 'refunding', 'refunded')", name="status_known"),
        CheckConstraint("(status = 'pending') = (paid_at IS NULL)", name="paid_has_time"),
        CheckConstraint("credits > 0", name="credits_positive"),
        CheckConstraint("price_stars > 0", name="price_stars_positive"),
        Index("ix_payment_orders_user_id_id", "user_id", "id"),
    )

    id: Mapped[int] = identity()
    public_id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    package_id: Mapped[int] = mapped_column(ForeignKey("payment_packages.id"))
    repeats_id: Mapped[int | None] = mapped_column(ForeignKey("payment_orders.id"))
    credits: Mapped[int]
    price_stars: Mapped[int]
    status: Mapped[str] = mapped_column(server_default="pending")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]


class PaymentCharge(Base):
    """Money that came: Telegram's charge id, and the transfer that credited it."""

    __tablename__ = "payment_charges"
    __table_args__ = (
        CheckConstraint("source IN ('update', 'reconcile')", name="source_known"),
        UniqueConstraint("telegram_charge_id"),
        UniqueConstraint("order_id"),
        UniqueConstraint("transfer_id"),
        Index("ix_payment_charges_created_at", "created_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    )

    id: Mapped[int] = identity()
    telegram_charge_id: Mapped[str]
    order_id: Mapped[int] = mapped_column(ForeignKey("payment_orders.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[int]
    transfer_id: Mapped[int] = mapped_column(ForeignKey("ledger_transfers.id"))
    source: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PaymentRefund(Base):
    """Money that goes back. Its transfer takes the credits first; a refusal of Telegram's is a second transfer that returns them.

    `shortfall`: of a refund that was made elsewhere, the credits that were spent already; the house stands for them. `epoch` and
    `lease_until` belong to whoever asks Telegram.
    """

    __tablename__ = "payment_refunds"
    __table_args__ = (
        CheckConstraint("state IN ('refunding', 'refunded', 'refused')", name="state_known"),
        CheckConstraint("source IN ('operator', 'update', 'reconcile')", name="source_known"),
        CheckConstraint("(state = 'refunding') = (finished_at IS NULL)", name="ended_has_time"),
        CheckConstraint("(state = 'refused') = (return_transfer_id IS NOT NULL)", name="refused_is_returned"),
        CheckConstraint("shortfall >= 0", name="shortfall_not_negative"),
        UniqueConstraint("transfer_id"),
        UniqueConstraint("return_transfer_id"),
        Index("uq_payment_refunds_order_id_live", "order_id", unique=True, postgresql_where="state <> 'refused'"),
        Index("ix_payment_refunds_id_refunding", "id", postgresql_where="state = 'refunding'"),
    )

    id: Mapped[int] = identity()
    order_id: Mapped[int] = mapped_column(ForeignKey("payment_orders.id"))
    state: Mapped[str]
    source: Mapped[str]
    transfer_id: Mapped[int] = mapped_column(ForeignKey("ledger_transfers.id"))
    return_transfer_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_transfers.id"))
    shortfall: Mapped[int] = mapped_column(server_default="0")
    actor: Mapped[str | None]
    reason: Mapped[str | None]
    error: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class PaymentPosition(Base):
    """How many of a bot's Star transactions have been compared with what was credited: the next reconciliation goes on there."""

    __tablename__ = "payment_positions"

    bot_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())
