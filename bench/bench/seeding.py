"""People and history, written in SQL: what would take days to happen. What it leaves behind passes `rassom audit`."""

from string import Template

import asyncpg

PAYERS_FROM = 600_000_001
CREDITS_EACH = 1000
WHALE = 690_000_001
CROWD_FROM = 700_000_001

# Through the triggers, as the shop itself would: one gift for all of them, and everybody's free generation is used up.
_PAYERS = Template("""
WITH person AS (
    INSERT INTO users (telegram_id) SELECT n FROM generate_series($first::bigint, $last::bigint) n RETURNING id
), trial AS (
    INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at) SELECT id, 1, 1, 'used', now() FROM person
)
INSERT INTO ledger_accounts (kind, user_id) SELECT 'wallet', id FROM person;
WITH gift AS (
    INSERT INTO ledger_transfers (entry_type, actor) VALUES ('grant', 'bench') RETURNING id
), leg AS (
    SELECT wallet.id AS account_id, $credits::bigint AS amount FROM ledger_accounts wallet JOIN users ON users.id = wallet.user_id
    WHERE users.telegram_id BETWEEN $first AND $last
    UNION ALL
    SELECT id, -$credits::bigint * ($last - $first + 1) FROM ledger_accounts WHERE kind = 'grants' AND stripe = 0
)
INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type, description)
    SELECT gift.id, leg.account_id, leg.amount, 'grant', 'bench' FROM gift CROSS JOIN leg ORDER BY leg.account_id;
""")

# Past the triggers, as superuser: one by one they would take minutes. The chain is computed by the database's own hash function,
# used as an aggregate; its accounts must have no entry yet.
_WHALE = Template("""
SET LOCAL session_replication_role = replica;
SET LOCAL work_mem = '256MB';
CREATE AGGREGATE pg_temp.chained(bigint, bigint, bigint, bigint, bigint, text, text, text, timestamptz) (
    SFUNC = ledger_entry_hash, STYPE = bytea, INITCOND = ''
);
INSERT INTO users (telegram_id) VALUES ($whale);
INSERT INTO ledger_accounts (kind, user_id) SELECT 'wallet', id FROM users WHERE telegram_id = $whale;
CREATE TEMP TABLE gift ON COMMIT DROP AS
    SELECT nextval(pg_get_serial_sequence('ledger_transfers', 'id')) AS id, n AS seq FROM generate_series(1, $entries) n;
INSERT INTO ledger_transfers (id, entry_type, actor) OVERRIDING SYSTEM VALUE SELECT id, 'grant', 'bench' FROM gift;
CREATE TEMP TABLE chain ON COMMIT DROP AS
    SELECT *, pg_temp.chained(account_id, seq, id, amount, balance_after, 'grant', NULL, 'bench', created_at)
        OVER (PARTITION BY account_id ORDER BY seq) AS hash
    FROM (
        SELECT gift.id, gift.seq, account.id AS account_id, account.kind, sign AS amount, sign * gift.seq AS balance_after,
            now() - interval '30 days' + gift.seq * interval '1 ms' AS created_at
        FROM gift CROSS JOIN (
            SELECT wallet.id, wallet.kind, 1::bigint AS sign FROM ledger_accounts wallet JOIN users ON users.id = wallet.user_id
            WHERE users.telegram_id = $whale
            UNION ALL SELECT id, kind, -1 FROM ledger_accounts WHERE kind = 'grants' AND stripe = 31
        ) account
    ) leg;
INSERT INTO ledger_entries (transfer_id, account_id, account_kind, seq, amount, balance_after, entry_type, description, created_at,
                            prev_hash, hash)
    SELECT id, account_id, kind, seq, amount, balance_after, 'grant', 'bench', created_at,
        coalesce(lag(hash) OVER (PARTITION BY account_id ORDER BY seq), ''), hash
    FROM chain ORDER BY id, account_id;
""")

# A crowd of people with a completed picture for each free generation that they had. Indexes are built afterwards, in one go each.
_CROWD = (
    "SET session_replication_role = replica",
    "SET maintenance_work_mem = '512MB'",
    "INSERT INTO users (telegram_id) SELECT n FROM generate_series($first::bigint, $last::bigint) n",
    """
    INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at)
        SELECT id, slot, $each, 'used', now() FROM users CROSS JOIN generate_series(1, $each) slot
        WHERE telegram_id BETWEEN $first AND $last
    """,
    """
    INSERT INTO generation_requests (public_id, user_id, model_id, prompt, status, input_params, references_count, cost,
                                     trial_use_id, request_id, created_at, deadline_at, completed_at)
        SELECT gen_random_uuid(), trial.user_id, 1, 'a red door in Bukhara', 'completed', '{}', 0, 0, trial.id, 'bench',
            now() - interval '1 day', now(), now() - interval '1 day'
        FROM trial_uses trial JOIN users ON users.id = trial.user_id WHERE telegram_id BETWEEN $first AND $last
    """,
    """
    INSERT INTO generation_jobs (generation_id, attempt_no, state, token, epoch, provider, provider_job_id, submitted_at,
                                 finished_at)
        SELECT id, 1, 'completed', gen_random_uuid(), 1, 'wavespeed', 'bench-' || id, now(), now()
        FROM generation_requests WHERE request_id = 'bench'
    """,
    """
    INSERT INTO generation_results (generation_id, position, url)
        SELECT id, 0, 'https://pictures.example/' || id || '.png' FROM generation_requests WHERE request_id = 'bench'
    """,
    """
    INSERT INTO generation_events (generation_id, status, position)
        SELECT id, 'completed', row_number() OVER (ORDER BY id) + (SELECT coalesce(max(position), 0) FROM generation_events)
        FROM generation_requests WHERE request_id = 'bench'
    """,
    "SET session_replication_role = origin",
)
_CROWDED = ("users", "trial_uses", "generation_requests", "generation_jobs", "generation_results", "generation_events")
_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
    LEFT JOIN pg_constraint ON conindid = indexrelid
    WHERE indrelid = ANY ($1::regclass[]) AND pg_constraint.oid IS NULL
"""


async def seed_payers(dsn: str, count: int, *, first: int = PAYERS_FROM) -> list[int]:
    """People with CREDITS_EACH credits and no free generation left: everything that they order is paid for. Their Telegram ids."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(_PAYERS.substitute(first=first, last=first + count - 1, credits=CREDITS_EACH))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return list(range(first, first + count))


async def seed_whale(superuser_dsn: str, *, entries: int) -> int:
    """Somebody whose wallet has so many entries, in a book that has none yet; the Telegram id."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        async with connection.transaction():
            await connection.execute(_WHALE.substitute(whale=WHALE, entries=entries))
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    return WHALE


async def seed_crowd(superuser_dsn: str, *, people: int, each: int) -> None:
    """So many people with so many completed generations each, all of them free."""
    connection = await asyncpg.connect(superuser_dsn)
    places = {"first": CROWD_FROM, "last": CROWD_FROM + people - 1, "each": each}
    try:
        indexes = await connection.fetch(_INDEXES, list(_CROWDED))
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        for statement in _CROWD:
            await connection.execute(Template(statement).safe_substitute(places))
        for index in indexes:
            await connection.execute(index["definition"])
        await connection.execute("VACUUM (ANALYZE)")
        # Two million rows in a minute are still on their way to the disk: who orders now would pay for writing them.
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
