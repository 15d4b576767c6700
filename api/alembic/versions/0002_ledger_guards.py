"""What the database itself refuses of money, whoever writes: the chain, the zero sum, append-only; and the house's accounts."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STRIPES = 32
HOUSE_KINDS = ("holds", "revenue", "grants", "stars", "provider_loss")

# One definition for the trigger that writes the chain and for the audit that verifies it.
ENTRY_HASH = """
CREATE FUNCTION ledger_entry_hash(
    prev_hash bytea, account_id bigint, seq bigint, transfer_id bigint, amount bigint, balance_after bigint,
    entry_type text, reference_id text, description text, created_at timestamptz
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(prev_hash || convert_to(jsonb_build_array(
        account_id, seq, transfer_id, amount, balance_after, entry_type, reference_id, description,
        (extract(epoch FROM created_at) * 1000000)::bigint
    )::text, 'UTF8'))
$$
"""

# The account's row lock makes writers of one account queue; the read after it sees what the one before committed
# (READ COMMITTED takes a new snapshot per statement). Under a stricter isolation level the unique (account_id, seq) refuses instead.
CHAIN = """
CREATE FUNCTION ledger_entries_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    SELECT kind INTO STRICT NEW.account_kind FROM ledger_accounts WHERE id = NEW.account_id FOR NO KEY UPDATE;
    SELECT seq, balance_after, hash INTO last FROM ledger_entries WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1;
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
$$;
CREATE TRIGGER ledger_entries_chain BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION ledger_entries_chain()
"""

ZERO_SUM = """
CREATE FUNCTION ledger_entries_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inserted GROUP BY transfer_id HAVING sum(amount) <> 0 OR count(*) < 2) THEN
        RAISE EXCEPTION 'a transfer has two or more entries, inserted together, that sum to zero'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_entries_zero_sum';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER ledger_entries_zero_sum AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_zero_sum()
"""

APPEND_ONLY = """
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never updated or deleted; write a transfer that corrects them', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_append_only';
END
$$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entries, ledger_transfers FROM PUBLIC, CURRENT_USER;
-- A foreign key locks the row it points to, which needs the right to update some column; the trigger refuses the update itself.
GRANT UPDATE (id) ON ledger_transfers TO CURRENT_USER
"""


def upgrade() -> None:
    for script in (ENTRY_HASH, CHAIN, ZERO_SUM, APPEND_ONLY):
        for statement in _statements(script):
            op.execute(statement)
    kinds = ", ".join(f"('{kind}')" for kind in HOUSE_KINDS)
    op.execute(
        "INSERT INTO ledger_accounts (kind, stripe) SELECT kind, stripe "
        f"FROM (VALUES {kinds}) house (kind) CROSS JOIN generate_series(0, {STRIPES - 1}) stripe "
        "ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER ledger_append_only ON ledger_accounts")
    op.execute("DROP TRIGGER ledger_append_only ON ledger_transfers")
    op.execute("DROP TRIGGER ledger_append_only ON ledger_entries")
    op.execute("DROP TRIGGER ledger_entries_zero_sum ON ledger_entries")
    op.execute("DROP TRIGGER ledger_entries_chain ON ledger_entries")
    for function in ("ledger_append_only()", "ledger_entries_zero_sum()", "ledger_entries_chain()", "ledger_entry_hash"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("GRANT UPDATE, DELETE, TRUNCATE ON ledger_entries, ledger_transfers TO CURRENT_USER")
    # The house's accounts stay: entries point to them. They go with their table.


def _statements(script: str) -> list[str]:
    """Split at the semicolons between statements; those inside $$ … $$ belong to a function's body."""
    parts, inside, current = [], False, ""
    for line in script.strip().splitlines():
        inside ^= line.count("$$") % 2 == 1
        current += line + "\n"
        if line.rstrip().endswith(";") and not inside:
            parts.append(current)
            current = ""
    return [*parts, current] if current.strip() else parts
