"""A long book in seconds: what the shop would have written, put past the triggers into an empty database, with every rule kept.

The chains are computed by the database's own hash function, used as an aggregate over each account's entries.
"""

from string import Template

import asyncpg

PICTURES_EACH = 12
ENTRIES_EACH = 2 + 4 * PICTURES_EACH
"""Of one person: a gift or what was bought, then a hold and its end for each picture; two entries each."""

_LOAD = Template("""
SET LOCAL session_replication_role = replica;
SET LOCAL work_mem = '128MB';
CREATE AGGREGATE pg_temp.chained(bigint, bigint, bigint, bigint, bigint, text, text, text, timestamptz) (
    SFUNC = ledger_entry_hash, STYPE = bytea, INITCOND = ''
);
INSERT INTO users (telegram_id) SELECT 7000000000 + n FROM generate_series(1, $people) n;
INSERT INTO ledger_accounts (kind, user_id) SELECT 'wallet', id FROM users;

-- Step 0 is the gift, or for every other one what was bought;
-- 2n - 1 and 2n are the hold of picture n and its end, which is a release for every fourth.
CREATE TEMP TABLE plan ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY step, wallet.user_id) AS id, wallet.user_id, wallet.id AS wallet_id, step, CASE
        WHEN step = 0 AND wallet.user_id % 2 = 0 THEN 'topup'
        WHEN step = 0 THEN 'grant'
        WHEN step % 2 = 1 THEN 'generation_hold'
        WHEN (step / 2 + wallet.user_id) % 4 = 0 THEN 'generation_release'
        ELSE 'generation_capture'
    END AS entry_type
    FROM ledger_accounts wallet CROSS JOIN generate_series(0, 2 * $pictures) step WHERE wallet.kind = 'wallet';
CREATE TEMP TABLE ending ON COMMIT DROP AS
    SELECT hold.id AS hold_id, ending.* FROM plan ending
    JOIN plan hold ON hold.user_id = ending.user_id AND hold.step = ending.step - 1
    WHERE ending.step > 0 AND ending.step % 2 = 0;
INSERT INTO ledger_transfers (id, entry_type, hold_id) OVERRIDING SYSTEM VALUE
    SELECT plan.id, plan.entry_type, ending.hold_id FROM plan LEFT JOIN ending ON ending.id = plan.id;

CREATE TEMP TABLE chain ON COMMIT DROP AS
    SELECT *, pg_temp.chained(account_id, seq, id, amount, balance_after, entry_type, reference_id, description, created_at)
        OVER (PARTITION BY account_id ORDER BY seq) AS hash
    FROM (
        SELECT plan.id, plan.entry_type, leg.kind, leg.amount::bigint, coalesce(house.id, plan.wallet_id) AS account_id,
            row_number() OVER legs AS seq, sum(leg.amount) OVER legs AS balance_after,
            'reference ' || plan.id AS reference_id, 'seedream-v4' AS description,
            now() - interval '30 days' + plan.id * interval '1 ms' AS created_at
        FROM plan JOIN (VALUES
            ('grant', 'wallet', 100), ('grant', 'grants', -100), ('topup', 'wallet', 100), ('topup', 'stars', -100),
            ('generation_hold', 'wallet', -1), ('generation_hold', 'holds', 1),
            ('generation_capture', 'holds', -1), ('generation_capture', 'revenue', 1),
            ('generation_release', 'holds', -1), ('generation_release', 'wallet', 1)
        ) leg (entry_type, kind, amount) ON leg.entry_type = plan.entry_type
        LEFT JOIN ledger_accounts house ON house.kind = leg.kind AND house.stripe = plan.user_id % 32
        WINDOW legs AS (PARTITION BY coalesce(house.id, plan.wallet_id) ORDER BY plan.id)
    ) leg;
INSERT INTO ledger_entries (transfer_id, account_id, account_kind, seq, amount, balance_after, entry_type, reference_id,
                            description, created_at, prev_hash, hash)
    SELECT id, account_id, kind, seq, amount, balance_after, entry_type, reference_id, description, created_at,
        coalesce(lag(hash) OVER (PARTITION BY account_id ORDER BY seq), ''), hash
    FROM chain ORDER BY id, account_id;

INSERT INTO payment_orders (public_id, user_id, package_id, credits, price_stars, status, expires_at, paid_at)
    SELECT gen_random_uuid(), user_id, 3, 100, 400, 'paid', now(), now() FROM plan WHERE entry_type = 'topup';
INSERT INTO payment_charges (telegram_charge_id, order_id, user_id, amount, transfer_id, source)
    SELECT 'stx-bulk-' || plan.id, bought.id, plan.user_id, 400, plan.id, 'update'
    FROM plan JOIN payment_orders bought ON bought.user_id = plan.user_id WHERE plan.entry_type = 'topup';

INSERT INTO generation_requests (id, public_id, user_id, model_id, prompt, status, input_params, references_count, cost, hold_id,
                                 error_code, request_id, deadline_at, completed_at) OVERRIDING SYSTEM VALUE
    SELECT row_number() OVER (ORDER BY id), gen_random_uuid(), user_id, 1, 'a red door in Bukhara',
        CASE entry_type WHEN 'generation_capture' THEN 'completed' ELSE 'failed' END, '{}', 0, 1, hold_id,
        CASE entry_type WHEN 'generation_release' THEN 'provider_failed' END, 'bulk', now(), now()
    FROM ending;
INSERT INTO generation_jobs (generation_id, attempt_no, state, token, epoch, provider, provider_job_id, submitted_at, finished_at)
    SELECT id, 1, status, gen_random_uuid(), 1, 'wavespeed', 'bulk-' || id, now(), now() FROM generation_requests;
INSERT INTO generation_results (generation_id, position, url)
    SELECT id, 0, 'https://pictures.example/' || id || '.png' FROM generation_requests WHERE status = 'completed';
SELECT setval(pg_get_serial_sequence(name, 'id'), $people * (1 + 2 * $pictures))
    FROM unnest(ARRAY['ledger_transfers', 'generation_requests']) name;
""")


async def load(superuser_dsn: str, *, people: int) -> int:
    """Write the book of so many people into a database without a single one; returns the number of its entries."""
    admin = await asyncpg.connect(superuser_dsn)
    try:
        async with admin.transaction():
            await admin.execute(_LOAD.substitute(people=people, pictures=PICTURES_EACH))
        await admin.execute("VACUUM (ANALYZE)")
        return int(await admin.fetchval("SELECT count(*) FROM ledger_entries"))
    finally:
        await admin.close()
