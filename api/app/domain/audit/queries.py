"""The invariants, each a query that must find nothing. They read the tables as they are and trust none of our code."""

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.audit.models import AuditRun
from app.domain.audit.payment_queries import PAYMENTS
from app.domain.audit.schemas import AuditRead, Invariant, Touched

EXAMPLES_MAX = 5
KEEP_DAYS = 30
WORK_MEM = "64MB"

_BROKEN = """
    SELECT account_id, count(*), (array_agg(name ORDER BY name))[1:{examples_max}],
           encode(sha256(convert_to(string_agg(name, E'\\n' ORDER BY name), 'UTF8')), 'hex')
    FROM (
        SELECT name, CASE what
            WHEN 'account' THEN id
            WHEN 'user' THEN (SELECT min(id) FROM ledger_accounts WHERE user_id = broken.id)
            WHEN 'transfer' THEN coalesce(
                (SELECT min(account_id) FROM ledger_entries WHERE transfer_id = broken.id AND account_kind = 'wallet'),
                -- A capture touches the wallet of its hold; a leg that is gone, that of the generation's owner.
                (SELECT min(wallet.account_id) FROM ledger_transfers ending JOIN ledger_entries wallet
                    ON wallet.transfer_id = ending.hold_id AND wallet.account_kind = 'wallet' WHERE ending.id = broken.id),
                (SELECT min(wallet.id) FROM generation_requests made JOIN ledger_accounts wallet ON wallet.user_id = made.user_id
                    WHERE made.hold_id = broken.id)
            )
        END AS account_id
        FROM ({sql}) broken (name, what, id)
    ) touched GROUP BY account_id ORDER BY account_id
"""


INVARIANTS = (
    Invariant(
        "I1",
        "every transfer sums to zero, and so does the whole book",
        """
        SELECT 'transfer ' || coalesce(transfer.id, moved.transfer_id) || coalesce(' of ' || transfer.entry_type, ' (gone)')
               || ' sums to ' || coalesce(moved.total, 0) || ' over ' || coalesce(moved.legs, 0),
               'transfer', coalesce(transfer.id, moved.transfer_id)
        FROM ledger_transfers transfer FULL JOIN (
            SELECT transfer_id, sum(amount) AS total, count(*) AS legs, min(entry_type) AS first_type, max(entry_type) AS last_type
            FROM ledger_entries GROUP BY transfer_id
        ) moved ON moved.transfer_id = transfer.id
        WHERE transfer.id IS NULL OR moved.legs IS NULL OR moved.legs < 2 OR moved.total <> 0
           OR moved.first_type <> transfer.entry_type OR moved.last_type <> transfer.entry_type
        UNION ALL SELECT 'the book sums to ' || sum(amount), NULL, NULL FROM ledger_entries HAVING sum(amount) <> 0
        """,
    ),
    Invariant(
        "I2",
        "each account: seq without gaps, balance_after follows, the hash chain verifies",
        """
        SELECT 'account ' || account_id || ' at seq ' || seq, 'account', account_id FROM (
            SELECT account_id, seq, amount, balance_after, prev_hash, row_number() OVER chain AS expected_seq,
                   lag(balance_after) OVER chain AS balance_before, lag(hash) OVER chain AS hash_before
            FROM ledger_entries WINDOW chain AS (PARTITION BY account_id ORDER BY seq)
        ) link
        WHERE seq <> expected_seq OR balance_after <> coalesce(balance_before, 0) + amount
           OR prev_hash <> coalesce(hash_before, '\\x'::bytea)
        UNION ALL -- apart from the links, which a wide row would make slow to sort
        SELECT 'account ' || account_id || ' at seq ' || seq || ': hash', 'account', account_id FROM ledger_entries
        WHERE hash <> ledger_entry_hash(prev_hash, account_id, seq, transfer_id, amount, balance_after,
                                        entry_type, reference_id, description, created_at)
        UNION ALL
        SELECT 'entry ' || entry.id || ' is of another kind than its account', 'account', entry.account_id
        FROM ledger_entries entry JOIN ledger_accounts account ON account.id = entry.account_id
        WHERE account.kind <> entry.account_kind
        """,
    ),
    Invariant(
        "I3",
        "no wallet and no holds account below zero",
        """
        SELECT account.kind || ' ' || account.id || ' had ' || min(entry.balance_after), 'account', account.id
        FROM ledger_entries entry JOIN ledger_accounts account ON account.id = entry.account_id
        WHERE account.kind IN ('wallet', 'holds') AND entry.balance_after < 0 GROUP BY account.kind, account.id
        """,
    ),
    Invariant(
        "I4",
        "each hold ends at most once, and is open exactly while its generation runs",
        """
        SELECT 'hold ' || hold.id || ' has ' || count(ending.id) || ' ends; generation: ' || coalesce(generation.status, 'none'),
               'transfer', hold.id
        FROM ledger_transfers hold
        LEFT JOIN ledger_transfers ending ON ending.hold_id = hold.id
        LEFT JOIN generation_requests generation ON generation.hold_id = hold.id
        WHERE hold.entry_type = 'generation_hold'
        GROUP BY hold.id, generation.status
        HAVING count(ending.id) > 1 OR generation.status IS NULL
            OR (count(ending.id) = 0) <> (generation.status IN ('queued', 'running'))
        UNION ALL
        SELECT 'transfer ' || ending.id || ' ends ' || ending.hold_id || ', which is no hold', 'transfer', hold.id
        FROM ledger_transfers ending JOIN ledger_transfers hold ON hold.id = ending.hold_id
        WHERE hold.entry_type <> 'generation_hold'
        UNION ALL
        SELECT 'transfer ' || ending.id || ' gives ' || entry.account_kind || ' ' || entry.account_id || ' ' || entry.amount
               || ', its hold ' || held.account_id || ' ' || held.amount, 'transfer', ending.hold_id
        FROM ledger_transfers ending
        JOIN ledger_entries entry ON entry.transfer_id = ending.id
        JOIN ledger_entries held ON held.transfer_id = ending.hold_id AND held.account_kind = entry.account_kind
        WHERE held.amount <> -entry.amount OR held.account_id <> entry.account_id
        """,
    ),
    Invariant(
        "I5",
        "completed: pictures and one capture or used trial; failed or cancelled: release or restored trial",
        """
        SELECT 'generation ' || generation.id || ' is ' || generation.status, 'user', generation.user_id
        FROM generation_requests generation
        LEFT JOIN ledger_transfers ending ON ending.hold_id = generation.hold_id
        LEFT JOIN trial_uses trial ON trial.id = generation.trial_use_id
        WHERE CASE
            WHEN generation.status IN ('queued', 'running') THEN ending.id IS NOT NULL OR coalesce(trial.state, 'held') <> 'held'
            WHEN generation.status = 'completed' THEN
                NOT EXISTS (SELECT FROM generation_results result WHERE result.generation_id = generation.id)
                OR coalesce(ending.entry_type, trial.state, '') NOT IN ('generation_capture', 'used')
            ELSE EXISTS (SELECT FROM generation_results result WHERE result.generation_id = generation.id)
                OR coalesce(ending.entry_type, trial.state, '') NOT IN ('generation_release', 'restored')
        END
        UNION ALL
        SELECT 'generation ' || generation.id || ' costs ' || generation.cost || ', ' || -paid.amount || ' are held of user '
               || wallet.user_id, 'user', generation.user_id
        FROM generation_requests generation
        JOIN ledger_entries paid ON paid.transfer_id = generation.hold_id AND paid.account_kind = 'wallet'
        JOIN ledger_accounts wallet ON wallet.id = paid.account_id
        WHERE -paid.amount <> generation.cost OR wallet.user_id <> generation.user_id
        UNION ALL
        SELECT 'generation ' || generation.id || ' took a trial of somebody else', 'user', generation.user_id
        FROM generation_requests generation JOIN trial_uses trial ON trial.id = generation.trial_use_id
        WHERE trial.user_id <> generation.user_id
        """,
    ),
    Invariant(
        "I6",
        "at most one running generation per user, and no more trials than there were",
        """
        SELECT 'user ' || user_id || ' has ' || count(*) || ' running', 'user', generation.user_id
        FROM generation_requests generation
        WHERE status IN ('queued', 'running') GROUP BY user_id HAVING count(*) > 1
        UNION ALL
        SELECT 'user ' || user_id || ' took ' || count(*) || ' trials', 'user', trial.user_id FROM trial_uses trial
        WHERE state <> 'restored' GROUP BY user_id HAVING count(*) > max(slot_limit)
        """,
    ),
    Invariant(
        "I7",
        "a provider task belongs to one attempt; a next attempt follows only a definite refusal; ended means ended",
        """
        SELECT 'task ' || provider_job_id || ' has ' || count(*) || ' attempts', NULL, NULL::bigint FROM generation_jobs
        WHERE provider_job_id IS NOT NULL GROUP BY provider, provider_job_id HAVING count(*) > 1
        UNION ALL
        SELECT 'attempt ' || later.id || ' follows one that is ' || coalesce(earlier.state, 'missing'),
               'user', owner.user_id
        FROM generation_jobs later JOIN generation_requests owner ON owner.id = later.generation_id
        LEFT JOIN generation_jobs earlier
            ON earlier.generation_id = later.generation_id AND earlier.attempt_no = later.attempt_no - 1
        WHERE later.attempt_no > 1 AND coalesce(earlier.state, '') <> 'refused'
        UNION ALL
        SELECT 'generation ' || generation.id || ' is ' || generation.status || ' with ' || count(attempt.id) || ' live attempts',
               'user', generation.user_id
        FROM generation_requests generation LEFT JOIN generation_jobs attempt
            ON attempt.generation_id = generation.id AND attempt.state IN ('ready', 'submitting', 'submitted', 'unknown')
        GROUP BY generation.id
        HAVING count(attempt.id) <> (generation.status IN ('queued', 'running'))::int
        """,
    ),
    Invariant(
        "I8",
        "one idempotency key, one effect, and its fingerprint is that of the effect",
        """
        SELECT 'key ' || id || ' was answered without an effect', NULL, NULL::bigint FROM idempotency_keys
        WHERE effect IS NULL OR answer IS NULL
        UNION ALL
        SELECT effect || ' has ' || count(*) || ' keys', NULL, NULL FROM idempotency_keys GROUP BY effect HAVING count(*) > 1
        UNION ALL
        SELECT 'key ' || key.id || ' names ' || key.effect || ', which is not there', NULL, NULL FROM idempotency_keys key
        WHERE key.effect IS NOT NULL AND CASE split_part(key.effect, ':', 1)
            WHEN 'generation' THEN NOT EXISTS (
                SELECT FROM generation_requests WHERE id = split_part(key.effect, ':', 2)::bigint
            )
            WHEN 'entry' THEN NOT EXISTS (SELECT FROM ledger_entries WHERE id = split_part(key.effect, ':', 2)::bigint)
            WHEN 'order' THEN NOT EXISTS (SELECT FROM payment_orders WHERE id = split_part(key.effect, ':', 2)::bigint)
            WHEN 'broadcast' THEN NOT EXISTS (SELECT FROM broadcasts WHERE id = split_part(key.effect, ':', 2)::bigint)
            ELSE true
        END
        UNION ALL
        SELECT 'key ' || id || ' has another fingerprint than its request', NULL, NULL FROM idempotency_keys
        WHERE request IS NOT NULL AND fingerprint <> idempotency_fingerprint(operation, request)
        UNION ALL
        SELECT 'key ' || key.id || ' asked for another thing than ' || key.effect, 'user', made.user_id
        FROM idempotency_keys key
        JOIN generation_requests made ON made.id = CASE WHEN key.effect LIKE 'generation:%' THEN substr(key.effect, 12)::bigint END
        JOIN users person ON person.id = made.user_id
        WHERE person.telegram_id <> (key.request ->> 'telegram_id')::bigint OR made.model_id <> (key.request ->> 'model_id')::bigint
           OR made.prompt <> key.request ->> 'prompt' OR made.cost > (key.request ->> 'max_price')::bigint
           OR made.input_params -> 'reference_urls' <> key.request -> 'reference_urls'
           OR (key.request IS NOT NULL AND (made.size, made.aspect_ratio, made.resolution)
               IS DISTINCT FROM (key.request ->> 'size', key.request ->> 'aspect_ratio', key.request ->> 'resolution'))
        UNION ALL
        SELECT 'key ' || key.id || ' asked for another thing than ' || key.effect, 'account', made.account_id
        FROM idempotency_keys key
        JOIN ledger_entries made ON made.id = CASE WHEN key.effect LIKE 'entry:%' THEN substr(key.effect, 7)::bigint END
        JOIN ledger_accounts account ON account.id = made.account_id LEFT JOIN users person ON person.id = account.user_id
        WHERE coalesce(person.telegram_id, 0) <> (key.request ->> 'telegram_id')::bigint
           OR made.amount <> (key.request ->> 'amount')::bigint OR made.description <> key.request ->> 'reason'
        UNION ALL
        SELECT 'key ' || key.id || ' asked for another thing than ' || key.effect, 'user', made.user_id
        FROM idempotency_keys key
        JOIN payment_orders made ON made.id = CASE WHEN key.effect LIKE 'order:%' THEN substr(key.effect, 7)::bigint END
        JOIN users person ON person.id = made.user_id
        WHERE person.telegram_id <> (key.request ->> 'telegram_id')::bigint
           OR made.package_id <> (key.request ->> 'package_id')::bigint
        """,
    ),
    Invariant(
        "I9",
        "no generation, attempt, hold or trial is older than its deadline",
        """
        WITH overdue AS (
            SELECT * FROM generation_requests WHERE deadline_at < clock_timestamp() - interval '60 seconds'
        )
        SELECT 'generation ' || id || ' is ' || status || ' since ' || created_at, NULL, NULL::bigint FROM overdue
        WHERE status IN ('queued', 'running')
        UNION ALL
        SELECT 'attempt ' || attempt.id || ' is ' || attempt.state || ' since ' || attempt.created_at, NULL, NULL FROM overdue
        JOIN generation_jobs attempt ON attempt.generation_id = overdue.id
        WHERE attempt.state IN ('ready', 'submitting', 'submitted', 'unknown')
        UNION ALL
        SELECT 'hold ' || hold_id || ' is open since ' || overdue.created_at, NULL, NULL FROM overdue
        WHERE hold_id IS NOT NULL AND NOT EXISTS (SELECT FROM ledger_transfers ending WHERE ending.hold_id = overdue.hold_id)
        UNION ALL
        SELECT 'trial ' || trial.id || ' is held since ' || trial.created_at, NULL, NULL FROM overdue
        JOIN trial_uses trial ON trial.id = overdue.trial_use_id WHERE trial.state = 'held'
        """,
    ),
    Invariant(
        "I10",
        "entries, transfers and accounts were never updated or deleted",
        """
        SELECT guarded || ' has lost ' || guard || ': missing or disabled', NULL, NULL::bigint
        FROM (VALUES
            ('ledger_entries', 'ledger_append_only'), ('ledger_transfers', 'ledger_append_only'),
            ('ledger_accounts', 'ledger_append_only'), ('ledger_entries', 'ledger_entries_chain'),
            ('ledger_entries', 'ledger_entries_zero_sum'), ('operator_actions', 'operator_actions_append_only')
        ) wanted (guarded, guard)
        WHERE NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgrelid = guarded::regclass AND tgname = guard AND tgenabled IN ('O', 'A')
        )
        UNION ALL
        SELECT relname || ' had ' || n_tup_upd || ' updates and ' || n_tup_del || ' deletes', NULL, NULL FROM pg_stat_user_tables
        WHERE relname IN ('ledger_entries', 'ledger_transfers', 'ledger_accounts')
            -- Of two that insert the same with ON CONFLICT at once, PostgreSQL takes one's row back and counts that as a delete. It
            -- happens to transfers and accounts, never to entries; and what is deleted there is missed by its entries (I1, I2, I4).
            AND (n_tup_upd > 0 OR n_tup_del > 0 AND relname = 'ledger_entries')
        """,
    ),
    *PAYMENTS,
)


async def begin_snapshot(session: AsyncSession) -> None:
    """From here on every statement of this transaction sees one moment; reading a large book may take its time and memory."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    await session.execute(text("SET LOCAL statement_timeout = 0"))
    await session.execute(text(f"SET LOCAL work_mem = '{WORK_MEM}'"))


async def find_violations(session: AsyncSession, invariant: Invariant) -> list[Touched]:
    """What breaks the rule, by the account that it touches; empty when nothing does."""
    statement = text(_BROKEN.format(sql=invariant.sql, examples_max=EXAMPLES_MAX))
    return [
        Touched(account_id=account_id, violations=count, examples=examples, evidence=evidence)
        for account_id, count, examples, evidence in await session.execute(statement)
    ]


async def insert_run(session: AsyncSession, report: AuditRead) -> None:
    """Write down that the books were looked at, and what was found; forget the runs of the past."""
    violations = {finding.invariant: finding.violations for finding in report.findings}
    row = {"started_at": report.started_at, "took_ms": round(report.took_ms), "violations": violations}
    await session.execute(insert(AuditRun).values(row))
    await session.execute(
        text("DELETE FROM audit_runs WHERE started_at < now() - make_interval(days => :days)"), {"days": KEEP_DAYS}
    )
