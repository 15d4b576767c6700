"""What was sent with each attempt, when to ask the provider about it again, orphans, and the identity of the database."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("generation_jobs", sa.Column("sent_path", sa.Text(), nullable=True))
    op.add_column("generation_jobs", sa.Column("sent_body", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("generation_jobs", sa.Column("answered_model", sa.Text(), nullable=True))
    op.add_column("generation_jobs", sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("generation_jobs", sa.Column("look_again_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_generation_jobs_look_again_at", "generation_jobs", ["look_again_at"], postgresql_where="look_again_at IS NOT NULL"
    )
    op.create_index("ix_generation_jobs_answered_model", "generation_jobs", ["id"], postgresql_where="answered_model IS NOT NULL")
    op.create_table(
        "generation_orphans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("generation_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_job_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["generation_jobs.id"], name=op.f("fk_generation_orphans_attempt_id_generation_jobs")
        ),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generation_requests.id"], name=op.f("fk_generation_orphans_generation_id_generation_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_orphans")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_generation_orphans_attempt_id")),
        sa.UniqueConstraint("provider", "provider_job_id", name=op.f("uq_generation_orphans_provider_provider_job_id")),
    )
    op.create_table(
        "database_identity",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_database_identity_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_identity")),
    )


def downgrade() -> None:
    op.drop_table("database_identity")
    op.drop_table("generation_orphans")
    op.drop_index("ix_generation_jobs_answered_model", "generation_jobs")
    op.drop_index("ix_generation_jobs_look_again_at", "generation_jobs")
    for column in ("look_again_at", "lost_at", "answered_model", "sent_body", "sent_path"):
        op.drop_column("generation_jobs", column)
