"""Payments in Telegram Stars: packages, orders, the money that came and the money that went back."""

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# What a fresh shop sells: key, credits, Stars. Its operator changes them with `rassom packages set`.
PACKAGES = (("credits-10", 10, 50), ("credits-50", 50, 225), ("credits-100", 100, 400), ("credits-300", 300, 1050))


def upgrade() -> None:
    packages = op.create_table(
        "payment_packages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("price_stars", sa.BigInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("credits > 0", name=op.f("ck_payment_packages_credits_positive")),
        sa.CheckConstraint("price_stars > 0", name=op.f("ck_payment_packages_price_stars_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_packages")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_packages_key")),
    )
    _create_orders()
    _create_charges()
    _create_refunds()
    op.create_table(
        "payment_positions",
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_payment_positions")),
    )
    rows = enumerate(PACKAGES, start=1)
    op.bulk_insert(packages, [{"key": k, "credits": c, "price_stars": s, "position": 10 * n} for n, (k, c, s) in rows])


def _create_orders() -> None:
    op.create_table(
        "payment_orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("package_id", sa.BigInteger(), nullable=False),
        sa.Column("repeats_id", sa.BigInteger(), nullable=True),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("price_stars", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'paid', 'refunding', 'refunded')", name=op.f("ck_payment_orders_status_known")),
        sa.CheckConstraint("(status = 'pending') = (paid_at IS NULL)", name=op.f("ck_payment_orders_paid_has_time")),
        sa.CheckConstraint("credits > 0", name=op.f("ck_payment_orders_credits_positive")),
        sa.CheckConstraint("price_stars > 0", name=op.f("ck_payment_orders_price_stars_positive")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_payment_orders_user_id_users")),
        sa.ForeignKeyConstraint(
            ["package_id"], ["payment_packages.id"], name=op.f("fk_payment_orders_package_id_payment_packages")
        ),
        sa.ForeignKeyConstraint(["repeats_id"], ["payment_orders.id"], name=op.f("fk_payment_orders_repeats_id_payment_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_orders")),
        sa.UniqueConstraint("public_id", name=op.f("uq_payment_orders_public_id")),
    )
    op.create_index("ix_payment_orders_user_id_id", "payment_orders", ["user_id", "id"])


def _create_charges() -> None:
    op.create_table(
        "payment_charges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("telegram_charge_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("source IN ('update', 'reconcile')", name=op.f("ck_payment_charges_source_known")),
        sa.ForeignKeyConstraint(["order_id"], ["payment_orders.id"], name=op.f("fk_payment_charges_order_id_payment_orders")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_payment_charges_user_id_users")),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["ledger_transfers.id"], name=op.f("fk_payment_charges_transfer_id_ledger_transfers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_charges")),
        sa.UniqueConstraint("telegram_charge_id", name=op.f("uq_payment_charges_telegram_charge_id")),
        sa.UniqueConstraint("order_id", name=op.f("uq_payment_charges_order_id")),
        sa.UniqueConstraint("transfer_id", name=op.f("uq_payment_charges_transfer_id")),
    )


def _create_refunds() -> None:
    op.create_table(
        "payment_refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("return_transfer_id", sa.BigInteger(), nullable=True),
        sa.Column("shortfall", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('refunding', 'refunded', 'refused')", name=op.f("ck_payment_refunds_state_known")),
        sa.CheckConstraint("source IN ('operator', 'update', 'reconcile')", name=op.f("ck_payment_refunds_source_known")),
        sa.CheckConstraint("(state = 'refunding') = (finished_at IS NULL)", name=op.f("ck_payment_refunds_ended_has_time")),
        sa.CheckConstraint(
            "(state = 'refused') = (return_transfer_id IS NOT NULL)", name=op.f("ck_payment_refunds_refused_is_returned")
        ),
        sa.CheckConstraint("shortfall >= 0", name=op.f("ck_payment_refunds_shortfall_not_negative")),
        sa.ForeignKeyConstraint(["order_id"], ["payment_orders.id"], name=op.f("fk_payment_refunds_order_id_payment_orders")),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["ledger_transfers.id"], name=op.f("fk_payment_refunds_transfer_id_ledger_transfers")
        ),
        sa.ForeignKeyConstraint(
            ["return_transfer_id"], ["ledger_transfers.id"], name=op.f("fk_payment_refunds_return_transfer_id_ledger_transfers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_refunds")),
        sa.UniqueConstraint("transfer_id", name=op.f("uq_payment_refunds_transfer_id")),
        sa.UniqueConstraint("return_transfer_id", name=op.f("uq_payment_refunds_return_transfer_id")),
    )
    op.create_index(
        "uq_payment_refunds_order_id_live", "payment_refunds", ["order_id"], unique=True, postgresql_where="state <> 'refused'"
    )
    op.create_index("ix_payment_refunds_id_refunding", "payment_refunds", ["id"], postgresql_where="state = 'refunding'")


def downgrade() -> None:
    for table in ("payment_positions", "payment_refunds", "payment_charges", "payment_orders", "payment_packages"):
        op.drop_table(table)
