"""Status events, written by a trigger and announced with NOTIFY; and idempotency keys."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A trigger, because a status that changes without its event is a customer who is never told.
EVENTS = """
CREATE FUNCTION generation_status_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO generation_events (generation_id, status, error_code, error_message)
    VALUES (NEW.id, NEW.status, NEW.error_code, NEW.error_message);
    PERFORM pg_notify('generation_events', NEW.id::text);
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint("caller", "key", name=op.f("uq_idempotency_keys_caller_key")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "generation_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("generation_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generation_requests.id"], name=op.f("fk_generation_events_generation_id_generation_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_events")),
        sa.UniqueConstraint("position", name=op.f("uq_generation_events_position")),
    )
    op.create_index("ix_generation_events_generation_id_id", "generation_events", ["generation_id", "id"])
    op.create_index("ix_generation_events_unsequenced", "generation_events", ["id"], postgresql_where="position IS NULL")
    op.execute(EVENTS)
    op.execute(
        "CREATE TRIGGER generation_status_inserted AFTER INSERT ON generation_requests "
        "FOR EACH ROW EXECUTE FUNCTION generation_status_event()"
    )
    op.execute(
        "CREATE TRIGGER generation_status_changed AFTER UPDATE OF status ON generation_requests "
        "FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION generation_status_event()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER generation_status_changed ON generation_requests")
    op.execute("DROP TRIGGER generation_status_inserted ON generation_requests")
    op.execute("DROP FUNCTION generation_status_event()")
    op.drop_table("generation_events")
    op.drop_table("idempotency_keys")
