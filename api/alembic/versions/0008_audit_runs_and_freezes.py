"""What audits found, the wallets that they froze, and what each idempotency key asked for."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

HASH_ARGUMENTS = "bytea, bigint, bigint, bigint, bigint, bigint, text, text, text, timestamptz"

# jsonb_build_array is STABLE, and a function that promises more than its body is never inlined: each of a million rows paid for a
# call. The same bytes come out.
HASH_IS_INLINED = f"ALTER FUNCTION ledger_entry_hash({HASH_ARGUMENTS}) STABLE"
HASH_IS_CALLED = f"ALTER FUNCTION ledger_entry_hash({HASH_ARGUMENTS}) IMMUTABLE"

# As in 0002. `{guard}` runs under the account's row lock, which whoever freezes takes too: a hold that comes second sees the freeze.
CHAIN = """
CREATE OR REPLACE FUNCTION ledger_entries_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    SELECT kind INTO STRICT NEW.account_kind FROM ledger_accounts WHERE id = NEW.account_id FOR NO KEY UPDATE;
{guard}    SELECT seq, balance_after, hash INTO last FROM ledger_entries WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.balance_after := coalesce(last.balance_after, 0) + NEW.amount;
    NEW.created_at := clock_timestamp();
    NEW.prev_hash := coalesce(last.hash, '\\x'::bytea);
    NEW.hash := ledger_entry_hash(
        NEW.prev_hash, NEW.account_id, NEW.seq, NEW.transfer_id, NEW.amount, NEW.balance_after,
        NEW.entry_type, NEW.reference_id, NEW.description, NEW.created_at
    );
    RETURN NEW;
END
$$
"""
# What runs already ends, and what was paid outside is written down; nothing new begins.
GUARD = """
    IF NEW.account_kind = 'wallet'
        AND NEW.entry_type NOT IN ('generation_capture', 'generation_release', 'topup', 'refund')
        AND EXISTS (SELECT FROM ledger_freezes WHERE account_id = NEW.account_id AND lifted_at IS NULL)
    THEN
        RAISE EXCEPTION 'account % is frozen', NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_account_frozen';
    END IF;
""".lstrip("\n")

# What a key asked for, as 32 bytes; jsonb does not care about the order of fields. For the service that stores it and the audit.
FINGERPRINT = """
CREATE FUNCTION idempotency_fingerprint(operation text, request jsonb) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(operation, request)::text, 'UTF8'))
$$
"""


def upgrade() -> None:
    op.create_table(
        "audit_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("violations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_runs")),
    )
    op.create_table(
        "ledger_freezes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("invariant", sa.Text(), nullable=False),
        sa.Column("violation", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(lifted_at IS NULL) = (lifted_reason IS NULL)", name=op.f("ck_ledger_freezes_lifted_has_reason")),
        sa.ForeignKeyConstraint(["account_id"], ["ledger_accounts.id"], name=op.f("fk_ledger_freezes_account_id_ledger_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_freezes")),
        sa.UniqueConstraint("account_id", "invariant", "evidence", name=op.f("uq_ledger_freezes_account_id_invariant_evidence")),
    )
    op.create_index("ix_ledger_freezes_account_id_active", "ledger_freezes", ["account_id"], postgresql_where="lifted_at IS NULL")
    op.execute(HASH_IS_INLINED)
    op.execute(CHAIN.format(guard=GUARD))
    op.execute(FINGERPRINT)
    op.add_column("idempotency_keys", sa.Column("operation", sa.Text(), nullable=True))
    op.add_column("idempotency_keys", sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("idempotency_keys", "request")
    op.drop_column("idempotency_keys", "operation")
    op.execute("DROP FUNCTION idempotency_fingerprint(text, jsonb)")
    op.execute(CHAIN.format(guard=""))
    op.execute(HASH_IS_CALLED)
    op.drop_table("ledger_freezes")
    op.drop_table("audit_runs")
