"""The tables of the contract, with their constraints and indexes."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scopes <@ ARRAY['bot','admin'] AND cardinality(scopes) > 0", name=op.f("ck_api_keys_scopes_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_index("uq_api_keys_name_active", "api_keys", ["name"], unique=True, postgresql_where="revoked_at IS NULL")
    op.create_table(
        "ledger_transfers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entry_type", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(entry_type IN ('generation_capture', 'generation_release')) = (hold_id IS NOT NULL)",
            name=op.f("ck_ledger_transfers_ends_have_hold"),
        ),
        sa.CheckConstraint(
            "entry_type IN ('generation_hold', 'generation_capture', 'generation_release', 'grant', 'adjustment', 'topup', 'refund')",
            name=op.f("ck_ledger_transfers_entry_type_known"),
        ),
        sa.ForeignKeyConstraint(["hold_id"], ["ledger_transfers.id"], name=op.f("fk_ledger_transfers_hold_id_ledger_transfers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transfers")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_ledger_transfers_hold_id")),
    )
    op.create_table(
        "model_catalog",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("supports_text_to_image", sa.Boolean(), nullable=False),
        sa.Column("supports_image_to_image", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_catalog")),
        sa.UniqueConstraint("key", name=op.f("uq_model_catalog_key")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("language_code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("telegram_id > 0", name=op.f("ck_users_telegram_id_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("telegram_id", name=op.f("uq_users_telegram_id")),
    )
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("stripe", sa.SmallInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(kind = 'wallet') = (stripe IS NULL)", name=op.f("ck_ledger_accounts_house_has_stripe")),
        sa.CheckConstraint("(kind = 'wallet') = (user_id IS NOT NULL)", name=op.f("ck_ledger_accounts_wallet_has_user")),
        sa.CheckConstraint(
            "kind IN ('wallet', 'holds', 'revenue', 'grants', 'stars', 'provider_loss')", name=op.f("ck_ledger_accounts_kind_known")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ledger_accounts_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint("id", "kind", name=op.f("uq_ledger_accounts_id_kind")),
        sa.UniqueConstraint("kind", "stripe", name=op.f("uq_ledger_accounts_kind_stripe")),
        sa.UniqueConstraint("user_id", name=op.f("uq_ledger_accounts_user_id")),
    )
    op.create_table(
        "model_prices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="credit", nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("currency = 'credit'", name=op.f("ck_model_prices_currency_known")),
        sa.CheckConstraint("unit_price > 0", name=op.f("ck_model_prices_unit_price_positive")),
        sa.ForeignKeyConstraint(["model_id"], ["model_catalog.id"], name=op.f("fk_model_prices_model_id_model_catalog")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_prices")),
    )
    op.create_index("uq_model_prices_model_id_active", "model_prices", ["model_id"], unique=True, postgresql_where="is_active")
    op.create_table(
        "trial_uses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("slot_limit", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'held') = (settled_at IS NULL)", name=op.f("ck_trial_uses_settled_when_not_held")),
        sa.CheckConstraint("state IN ('held', 'used', 'restored')", name=op.f("ck_trial_uses_state_known")),
        sa.CheckConstraint("slot BETWEEN 1 AND slot_limit", name=op.f("ck_trial_uses_slot_within_limit")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_trial_uses_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial_uses")),
    )
    op.create_index(
        "uq_trial_uses_user_id_slot_taken", "trial_uses", ["user_id", "slot"], unique=True, postgresql_where="state <> 'restored'"
    )
    op.create_table(
        "generation_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), nullable=True),
        sa.Column("aspect_ratio", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("input_params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("client_context", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("references_count", sa.SmallInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("trial_use_id", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'failed') = (error_code IS NOT NULL)", name=op.f("ck_generation_requests_failed_has_code")),
        sa.CheckConstraint(
            "(status IN ('queued', 'running')) = (completed_at IS NULL)", name=op.f("ck_generation_requests_final_has_time")
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed', 'cancelled')", name=op.f("ck_generation_requests_status_known")
        ),
        sa.CheckConstraint("(trial_use_id IS NOT NULL) = (cost = 0)", name=op.f("ck_generation_requests_trial_costs_nothing")),
        sa.CheckConstraint("char_length(prompt) BETWEEN 1 AND 4000", name=op.f("ck_generation_requests_prompt_length")),
        sa.CheckConstraint("num_nonnulls(hold_id, trial_use_id) = 1", name=op.f("ck_generation_requests_paid_once")),
        sa.ForeignKeyConstraint(["hold_id"], ["ledger_transfers.id"], name=op.f("fk_generation_requests_hold_id_ledger_transfers")),
        sa.ForeignKeyConstraint(["model_id"], ["model_catalog.id"], name=op.f("fk_generation_requests_model_id_model_catalog")),
        sa.ForeignKeyConstraint(["trial_use_id"], ["trial_uses.id"], name=op.f("fk_generation_requests_trial_use_id_trial_uses")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_generation_requests_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_requests")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_generation_requests_hold_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_generation_requests_public_id")),
        sa.UniqueConstraint("trial_use_id", name=op.f("uq_generation_requests_trial_use_id")),
    )
    op.create_index(
        "ix_generation_requests_deadline_at_active",
        "generation_requests",
        ["deadline_at"],
        unique=False,
        postgresql_where="status IN ('queued', 'running')",
    )
    op.create_index(
        "ix_generation_requests_queued", "generation_requests", ["id"], unique=False, postgresql_where="status = 'queued'"
    )
    op.create_index("ix_generation_requests_user_id_id", "generation_requests", ["user_id", "id"], unique=False)
    op.create_index(
        "uq_generation_requests_user_id_active",
        "generation_requests",
        ["user_id"],
        unique=True,
        postgresql_where="status IN ('queued', 'running')",
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("account_kind", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("entry_type", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "balance_after >= 0 OR NOT (account_kind IN ('wallet', 'holds'))", name=op.f("ck_ledger_entries_balance_not_negative")
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount_not_zero")),
        sa.ForeignKeyConstraint(
            ["account_id", "account_kind"],
            ["ledger_accounts.id", "ledger_accounts.kind"],
            name=op.f("fk_ledger_entries_account_id_account_kind_ledger_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["ledger_transfers.id"], name=op.f("fk_ledger_entries_transfer_id_ledger_transfers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("account_id", "seq", name=op.f("uq_ledger_entries_account_id_seq")),
        sa.UniqueConstraint("transfer_id", "account_id", name=op.f("uq_ledger_entries_transfer_id_account_id")),
    )
    op.create_index(
        "ix_ledger_entries_account_id_seq_hold",
        "ledger_entries",
        ["account_id", "seq"],
        unique=False,
        postgresql_where="entry_type = 'generation_hold'",
    )
    op.create_table(
        "generation_jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("generation_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt_no", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_job_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state <> 'ready' OR (provider_job_id IS NULL AND submitted_at IS NULL)",
            name=op.f("ck_generation_jobs_ready_is_unsent"),
        ),
        sa.CheckConstraint("state <> 'submitted' OR provider_job_id IS NOT NULL", name=op.f("ck_generation_jobs_submitted_has_id")),
        sa.CheckConstraint(
            "state IN ('ready', 'submitting', 'submitted', 'unknown', 'refused', 'completed', 'failed', 'expired', 'cancelled')",
            name=op.f("ck_generation_jobs_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generation_requests.id"], name=op.f("fk_generation_jobs_generation_id_generation_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_jobs")),
        sa.UniqueConstraint("generation_id", "attempt_no", name=op.f("uq_generation_jobs_generation_id_attempt_no")),
        sa.UniqueConstraint("provider", "provider_job_id", name=op.f("uq_generation_jobs_provider_provider_job_id")),
        sa.UniqueConstraint("token", name=op.f("uq_generation_jobs_token")),
    )
    op.create_index(
        "uq_generation_jobs_generation_id_live",
        "generation_jobs",
        ["generation_id"],
        unique=True,
        postgresql_where="state IN ('ready', 'submitting', 'submitted', 'unknown')",
    )
    op.create_table(
        "generation_references",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("generation_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generation_requests.id"], name=op.f("fk_generation_references_generation_id_generation_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_references")),
        sa.UniqueConstraint("generation_id", "position", name=op.f("uq_generation_references_generation_id_position")),
    )
    op.create_table(
        "generation_results",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("generation_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generation_requests.id"], name=op.f("fk_generation_results_generation_id_generation_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_results")),
        sa.UniqueConstraint("generation_id", "position", name=op.f("uq_generation_results_generation_id_position")),
    )


def downgrade() -> None:
    op.drop_table("generation_results")
    op.drop_table("generation_references")
    op.drop_index(
        "uq_generation_jobs_generation_id_live",
        table_name="generation_jobs",
        postgresql_where="state IN ('ready', 'submitting', 'submitted', 'unknown')",
    )
    op.drop_table("generation_jobs")
    op.drop_index(
        "ix_ledger_entries_account_id_seq_hold", table_name="ledger_entries", postgresql_where="entry_type = 'generation_hold'"
    )
    op.drop_table("ledger_entries")
    op.drop_index(
        "uq_generation_requests_user_id_active",
        table_name="generation_requests",
        postgresql_where="status IN ('queued', 'running')",
    )
    op.drop_index("ix_generation_requests_user_id_id", table_name="generation_requests")
    op.drop_index("ix_generation_requests_queued", table_name="generation_requests", postgresql_where="status = 'queued'")
    op.drop_index(
        "ix_generation_requests_deadline_at_active",
        table_name="generation_requests",
        postgresql_where="status IN ('queued', 'running')",
    )
    op.drop_table("generation_requests")
    op.drop_index("uq_trial_uses_user_id_slot_taken", table_name="trial_uses", postgresql_where="state <> 'restored'")
    op.drop_table("trial_uses")
    op.drop_index("uq_model_prices_model_id_active", table_name="model_prices", postgresql_where="is_active")
    op.drop_table("model_prices")
    op.drop_table("ledger_accounts")
    op.drop_table("users")
    op.drop_table("model_catalog")
    op.drop_table("ledger_transfers")
    op.drop_index("uq_api_keys_name_active", table_name="api_keys", postgresql_where="revoked_at IS NULL")
    op.drop_table("api_keys")
