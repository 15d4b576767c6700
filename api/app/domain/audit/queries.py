"""The invariants, each a query that must find nothing. They read the tables as they are and trust none of our code."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

EXAMPLES_MAX = 5


@dataclass(frozen=True)
class Invariant:
    """A rule and the query for the rows that break it: one text column that names the row."""

    id: str
    title: str
    sql: str


INVARIANTS = (
    Invariant(
        "I1",
        "every transfer sums to zero, and so does the whole book",
        """
        SELECT 'transfer ' || transfer.id || ' sums to ' || coalesce(sum(entry.amount), 0) || ' over ' || count(entry.id)
        FROM ledger_transfers transfer LEFT JOIN ledger_entries entry ON entry.transfer_id = transfer.id
        GROUP BY transfer.id HAVING coalesce(sum(entry.amount), 0) <> 0 OR count(entry.id) < 2
        UNION ALL SELECT 'the book sums to ' || sum(amount) FROM ledger_entries HAVING sum(amount) <> 0
        """,
    ),
    Invariant(
        "I2",
        "each account: seq without gaps, balance_after follows, the hash chain verifies",
        """
        SELECT 'account ' || account_id || ' at seq ' || seq FROM (
            SELECT *, row_number() OVER chain AS expected_seq, lag(balance_after) OVER chain AS balance_before,
                   lag(hash) OVER chain AS hash_before
            FROM ledger_entries WINDOW chain AS (PARTITION BY account_id ORDER BY seq)
        ) link
        WHERE seq <> expected_seq OR balance_after <> coalesce(balance_before, 0) + amount
           OR prev_hash <> coalesce(hash_before, '\\x'::bytea)
           OR hash <> ledger_entry_hash(prev_hash, account_id, seq, transfer_id, amount, balance_after,
                                        entry_type, reference_id, description, created_at)
        """,
    ),
    Invariant(
        "I3",
        "no wallet and no holds account below zero",
        """
        SELECT account.kind || ' ' || account.id || ' had ' || min(entry.balance_after)
        FROM ledger_entries entry JOIN ledger_accounts account ON account.id = entry.account_id
        WHERE account.kind IN ('wallet', 'holds') AND entry.balance_after < 0 GROUP BY account.kind, account.id
        """,
    ),
    Invariant(
        "I4",
        "each hold ends at most once, and is open exactly while its generation runs",
        """
        SELECT 'hold ' || hold.id || ' has ' || count(ending.id) || ' ends; generation: ' || coalesce(generation.status, 'none')
        FROM ledger_transfers hold
        LEFT JOIN ledger_transfers ending ON ending.hold_id = hold.id
        LEFT JOIN generation_requests generation ON generation.hold_id = hold.id
        WHERE hold.entry_type = 'generation_hold'
        GROUP BY hold.id, generation.status
        HAVING count(ending.id) > 1 OR generation.status IS NULL
            OR (count(ending.id) = 0) <> (generation.status IN ('queued', 'running'))
        UNION ALL
        SELECT 'transfer ' || ending.id || ' ends ' || ending.hold_id || ', which is no hold'
        FROM ledger_transfers ending JOIN ledger_transfers hold ON hold.id = ending.hold_id
        WHERE hold.entry_type <> 'generation_hold'
        UNION ALL
        SELECT 'transfer ' || ending.id || ' moves ' || abs(entry.amount) || ' of a hold of ' || abs(held.amount)
        FROM ledger_transfers ending
        JOIN ledger_entries entry ON entry.transfer_id = ending.id AND entry.account_kind = 'holds'
        JOIN ledger_entries held ON held.transfer_id = ending.hold_id AND held.account_kind = 'holds'
        WHERE held.amount <> -entry.amount OR held.account_id <> entry.account_id
        """,
    ),
    Invariant(
        "I5",
        "completed: pictures and one capture or used trial; failed or cancelled: release or restored trial",
        """
        SELECT 'generation ' || generation.id || ' is ' || generation.status FROM generation_requests generation
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
        SELECT 'generation ' || generation.id || ' costs ' || generation.cost || ', its hold is ' || held.amount
        FROM generation_requests generation
        JOIN ledger_entries held ON held.transfer_id = generation.hold_id AND held.account_kind = 'holds'
        WHERE held.amount <> generation.cost
        """,
    ),
    Invariant(
        "I6",
        "at most one running generation per user, and no more trials than there were",
        """
        SELECT 'user ' || user_id || ' has ' || count(*) || ' running' FROM generation_requests
        WHERE status IN ('queued', 'running') GROUP BY user_id HAVING count(*) > 1
        UNION ALL
        SELECT 'user ' || user_id || ' took ' || count(*) || ' trials' FROM trial_uses
        WHERE state <> 'restored' GROUP BY user_id HAVING count(*) > max(slot_limit)
        """,
    ),
    Invariant(
        "I7",
        "a provider task belongs to one attempt; a next attempt follows only a definite refusal; ended means ended",
        """
        SELECT 'task ' || provider_job_id || ' has ' || count(*) || ' attempts' FROM generation_jobs
        WHERE provider_job_id IS NOT NULL GROUP BY provider, provider_job_id HAVING count(*) > 1
        UNION ALL
        SELECT 'attempt ' || later.id || ' follows one that is ' || coalesce(earlier.state, 'missing')
        FROM generation_jobs later LEFT JOIN generation_jobs earlier
            ON earlier.generation_id = later.generation_id AND earlier.attempt_no = later.attempt_no - 1
        WHERE later.attempt_no > 1 AND coalesce(earlier.state, '') <> 'refused'
        UNION ALL
        SELECT 'generation ' || generation.id || ' is ' || generation.status || ' with ' || count(attempt.id) || ' live attempts'
        FROM generation_requests generation LEFT JOIN generation_jobs attempt
            ON attempt.generation_id = generation.id AND attempt.state IN ('ready', 'submitting', 'submitted', 'unknown')
        GROUP BY generation.id, generation.status
        HAVING count(attempt.id) <> (generation.status IN ('queued', 'running'))::int
        """,
    ),
    Invariant(
        "I8",
        "one idempotency key, one effect",
        """
        SELECT 'key ' || id || ' was answered without an effect' FROM idempotency_keys WHERE effect IS NULL OR answer IS NULL
        UNION ALL
        SELECT effect || ' has ' || count(*) || ' keys' FROM idempotency_keys GROUP BY effect HAVING count(*) > 1
        UNION ALL
        SELECT 'key ' || key.id || ' names ' || key.effect || ', which is not there' FROM idempotency_keys key
        WHERE key.effect IS NOT NULL AND CASE split_part(key.effect, ':', 1)
            WHEN 'generation' THEN NOT EXISTS (
                SELECT FROM generation_requests WHERE id = split_part(key.effect, ':', 2)::bigint
            )
            WHEN 'entry' THEN NOT EXISTS (SELECT FROM ledger_entries WHERE id = split_part(key.effect, ':', 2)::bigint)
            ELSE true
        END
        """,
    ),
    Invariant(
        "I9",
        "nothing is overdue",
        """
        SELECT 'generation ' || id || ' is ' || status || ' since ' || created_at FROM generation_requests
        WHERE status IN ('queued', 'running') AND deadline_at < clock_timestamp() - interval '60 seconds'
        """,
    ),
    Invariant(
        "I10",
        "entries, transfers and accounts were never updated or deleted",
        """
        SELECT name || ' can be changed: trigger missing or disabled'
        FROM unnest(ARRAY['ledger_entries', 'ledger_transfers', 'ledger_accounts']) AS name
        WHERE NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgrelid = name::regclass AND tgname = 'ledger_append_only' AND tgenabled IN ('O', 'A')
        )
        UNION ALL
        SELECT relname || ' had ' || n_tup_upd || ' updates and ' || n_tup_del || ' deletes' FROM pg_stat_user_tables
        WHERE relname IN ('ledger_entries', 'ledger_transfers', 'ledger_accounts') AND n_tup_upd + n_tup_del > 0
        """,
    ),
)


async def begin_snapshot(session: AsyncSession) -> None:
    """From here on every statement of this transaction sees one moment; reading a large book may take its time."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    await session.execute(text("SET LOCAL statement_timeout = 0"))


async def find_violations(session: AsyncSession, invariant: Invariant) -> tuple[int, list[str]]:
    """How many rows break the rule, and the first few of them."""
    # The text is one of the constants above; nothing from outside is in it.
    statement = text(
        f"WITH broken (name) AS ({invariant.sql}) "  # noqa: S608
        f"SELECT (SELECT count(*) FROM broken), ARRAY(SELECT name FROM broken LIMIT {EXAMPLES_MAX})"
    )
    count, examples = (await session.execute(statement)).one()
    return int(count), list(examples)
