"""What a bot has to tell and how far it is; bans and what operators did; broadcasts; preferences; indexes by day."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A trigger, as for the events: a generation that ends without its delivery is a customer who is never told, whoever ended it.
# Telegram's chat ids are whole numbers of at most 52 bits; anything else under that name is somebody else's word.
DELIVERIES = """
CREATE FUNCTION generation_delivery_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    chat numeric;
BEGIN
    IF jsonb_typeof(NEW.client_context -> 'chat_id') = 'number' THEN
        chat := (NEW.client_context ->> 'chat_id')::numeric;
        IF chat = trunc(chat) AND abs(chat) BETWEEN 1 AND 4503599627370495 THEN
            INSERT INTO generation_deliveries (generation_id) VALUES (NEW.id);
        END IF;
    END IF;
    RETURN NULL;
END
$$
"""
APPEND_ONLY = """
CREATE FUNCTION operator_actions_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never updated or deleted', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'operator_actions_append_only';
END
$$
"""
BY_DAY = (
    ("users", "created_at"),
    ("generation_requests", "created_at"),
    ("generation_requests", "completed_at"),
    ("ledger_entries", "created_at"),
    ("payment_charges", "created_at"),
)


def upgrade() -> None:
    _add_deliveries()
    _add_bans()
    _add_broadcasts()
    # Block ranges, because rows are written in the order of time: next to nothing to write, and a day is a few blocks to read.
    for table, column in BY_DAY:
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_using="brin", postgresql_with={"autosummarize": "on"})


def _add_deliveries() -> None:
    op.create_table(
        "generation_deliveries",
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sends", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("started_epoch", sa.BigInteger(), nullable=True),
        sa.Column("claimable_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("message_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("file_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('due', 'sending', 'delivered', 'blocked', 'given_up')", name=op.f("ck_generation_deliveries_state_known")
        ),
        sa.CheckConstraint("sends BETWEEN 0 AND 2", name=op.f("ck_generation_deliveries_one_repeat")),
        sa.CheckConstraint(
            "(state IN ('due', 'sending')) = (ended_at IS NULL)", name=op.f("ck_generation_deliveries_ended_has_time")
        ),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generation_requests.id"],
            name=op.f("fk_generation_deliveries_generation_id_generation_requests"),
        ),
        sa.PrimaryKeyConstraint("generation_id", name=op.f("pk_generation_deliveries")),
    )
    is_open = "state IN ('due', 'sending')"
    op.create_index(
        "ix_generation_deliveries_claimable_at_open", "generation_deliveries", ["claimable_at"], postgresql_where=is_open
    )
    op.create_index("ix_generation_deliveries_created_at_open", "generation_deliveries", ["created_at"], postgresql_where=is_open)
    op.execute(DELIVERIES)
    op.execute(
        "CREATE TRIGGER generation_delivery_due AFTER UPDATE OF status ON generation_requests FOR EACH ROW "
        "WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('completed', 'failed', 'cancelled')) "
        "EXECUTE FUNCTION generation_delivery_due()"
    )
    op.create_table(
        "feed_cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_event_id", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_cursors")),
    )


def _add_bans() -> None:
    op.add_column("users", sa.Column("banned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("ban_reason", sa.Text(), nullable=True))
    empty = sa.text("'{}'::jsonb")
    op.add_column("users", sa.Column("preferences", postgresql.JSONB(astext_type=sa.Text()), server_default=empty, nullable=False))
    op.create_check_constraint(op.f("ck_users_ban_has_reason"), "users", "(banned_at IS NULL) = (ban_reason IS NULL)")
    op.create_index("ix_users_username_lower", "users", [sa.text("lower(username)")])
    op.create_table(
        "operator_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("action IN ('ban', 'unban')", name=op.f("ck_operator_actions_action_known")),
        sa.CheckConstraint("action <> 'ban' OR reason IS NOT NULL", name=op.f("ck_operator_actions_ban_has_reason")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_operator_actions_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_actions")),
    )
    op.create_index("ix_operator_actions_user_id_id", "operator_actions", ["user_id", "id"])
    op.execute(APPEND_ONLY)
    op.execute(
        "CREATE TRIGGER operator_actions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_actions "
        "FOR EACH STATEMENT EXECUTE FUNCTION operator_actions_append_only()"
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON operator_actions FROM PUBLIC, CURRENT_USER")


def _add_broadcasts() -> None:
    counters = ("claims", "total", "sent", "failed", "blocked")
    op.create_table(
        "broadcasts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language_code", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in counters),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done', 'stopped')", name=op.f("ck_broadcasts_state_known")),
        sa.CheckConstraint("(state = 'running') = (ended_at IS NULL)", name=op.f("ck_broadcasts_ended_has_time")),
        sa.CheckConstraint("sent + failed + blocked <= total", name=op.f("ck_broadcasts_no_more_than_total")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcasts")),
        sa.UniqueConstraint("public_id", name=op.f("uq_broadcasts_public_id")),
    )
    op.create_table(
        "broadcast_recipients",
        sa.Column("broadcast_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("claim", sa.BigInteger(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('due', 'claimed', 'sent', 'failed', 'blocked')", name=op.f("ck_broadcast_recipients_state_known")
        ),
        sa.CheckConstraint("(state = 'due') = (claim IS NULL)", name=op.f("ck_broadcast_recipients_claimed_by_one")),
        sa.CheckConstraint("(claim IS NULL) = (claimed_at IS NULL)", name=op.f("ck_broadcast_recipients_claim_has_time")),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcasts.id"], name=op.f("fk_broadcast_recipients_broadcast_id_broadcasts")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_broadcast_recipients_user_id_users")),
        sa.PrimaryKeyConstraint("broadcast_id", "user_id", name=op.f("pk_broadcast_recipients")),
    )
    op.create_index(
        "ix_broadcast_recipients_due", "broadcast_recipients", ["broadcast_id", "user_id"], postgresql_where="state = 'due'"
    )
    op.create_index(
        "ix_broadcast_recipients_claimed",
        "broadcast_recipients",
        ["broadcast_id", "claimed_at"],
        postgresql_where="state = 'claimed'",
    )


def downgrade() -> None:
    for table, column in BY_DAY:
        op.drop_index(f"ix_{table}_{column}", table)
    op.drop_table("broadcast_recipients")
    op.drop_table("broadcasts")
    op.drop_table("operator_actions")
    op.execute("DROP FUNCTION operator_actions_append_only()")
    op.drop_index("ix_users_username_lower", "users")
    op.drop_constraint(op.f("ck_users_ban_has_reason"), "users")
    op.drop_column("users", "preferences")
    op.drop_column("users", "ban_reason")
    op.drop_column("users", "banned_at")
    op.drop_table("feed_cursors")
    op.execute("DROP TRIGGER generation_delivery_due ON generation_requests")
    op.execute("DROP FUNCTION generation_delivery_due()")
    op.drop_table("generation_deliveries")
