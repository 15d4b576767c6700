"""The provider's health: one row that all processes share."""

import sqlalchemy as sa

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_health",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opening", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opened_in_row", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("probes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("balance_usd", sa.Float(), nullable=True),
        sa.Column("balance_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_health")),
        sa.CheckConstraint(
            "reason IN ('unreachable', 'failing', 'forbidden', 'key_refused', 'out_of_credit')",
            name=op.f("ck_provider_health_reason_known"),
        ),
        sa.CheckConstraint(
            "(reason IS NULL) = (probe_at IS NULL) AND (reason IS NULL) = (order_at IS NULL)",
            name=op.f("ck_provider_health_open_has_next_probe"),
        ),
        sa.CheckConstraint("(balance_usd IS NULL) = (balance_read_at IS NULL)", name=op.f("ck_provider_health_balance_has_time")),
    )


def downgrade() -> None:
    op.drop_table("provider_health")
