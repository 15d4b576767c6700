"""The floor of a submit: asyncpg and the rows that an order leaves behind, with their locks, constraints and one durable commit.

No HTTP, no validation, no answer, nothing read that is not needed to write. `python -m bench.floors.submit DSN CLIENTS SECONDS
FIRST LAST` orders once for each Telegram id of the range, until the time is over, and prints one line of JSON.
"""

import json
import os
import sys
import uuid
from collections.abc import Iterator

import asyncpg
import uvloop

from bench.load import closed_loop

_LOCK = """
    SELECT id, pg_advisory_xact_lock(hashtextextended('generation of user ' || id::text, 0)) FROM users WHERE telegram_id = $1
"""
_KEY = "INSERT INTO idempotency_keys (caller, key, fingerprint, effect, answer) VALUES ('floor', $1, $2, $3, '{}')"
_HOLD = """
    WITH transfer AS (
        INSERT INTO ledger_transfers (entry_type) VALUES ('generation_hold') RETURNING id
    ), leg (account_id, amount) AS (
        SELECT id, -1 FROM ledger_accounts WHERE user_id = $1
        UNION ALL SELECT id, 1 FROM ledger_accounts WHERE kind = 'holds' AND stripe = $1 % 32
    )
    INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type)
    SELECT transfer.id, leg.account_id, leg.amount, 'generation_hold' FROM transfer CROSS JOIN leg ORDER BY leg.account_id
    RETURNING transfer_id
"""
# Not `queued`: the product counts who is queued before an order, and would count those of the floor.
_ORDER = """
    INSERT INTO generation_requests (public_id, user_id, model_id, prompt, status, input_params, references_count, cost, hold_id,
                                     request_id, deadline_at)
    VALUES ($1, $2, 1, 'a red door', 'running', '{}', 0, 1, $3, 'floor', now() + interval '15 minutes') RETURNING id
"""
_ATTEMPT = (
    "INSERT INTO generation_jobs (generation_id, attempt_no, state, token, provider) VALUES ($1, 1, 'ready', $2, 'wavespeed')"
)
_JOB = """
    WITH job AS (
        INSERT INTO pgqueuer (priority, entrypoint, payload, dedupe_key, status)
        VALUES (0, 'generate', convert_to($1, 'UTF8'), 'generate:' || $1, 'queued') RETURNING id
    )
    INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority) SELECT id, 'queued', 'generate', 0 FROM job
"""


async def order(idle: list[asyncpg.Connection], telegram_id: int) -> None:
    """One order on one of the idle connections: six statements in one transaction."""
    connection = idle.pop()
    async with connection.transaction():
        user_id = await connection.fetchval(_LOCK, telegram_id)
        hold_id = await connection.fetchval(_HOLD, user_id)
        generation_id = await connection.fetchval(_ORDER, uuid.uuid4(), user_id, hold_id)
        await connection.execute(_ATTEMPT, generation_id, uuid.uuid4())
        await connection.execute(_JOB, str(generation_id))
        await connection.execute(_KEY, str(uuid.uuid4()), os.urandom(32), f"generation:{generation_id}")
    idle.append(connection)


async def run(dsn: str, clients: int, seconds: float, people: Iterator[int]) -> None:
    """Order in a closed loop and say how that went."""
    # A pool would ask each connection to reset itself in between: one more round trip.
    connections = [await asyncpg.connect(dsn) for _ in range(clients)]
    idle = list(connections)
    samples = await closed_loop(lambda: order(idle, next(people)), clients=clients, seconds=seconds)
    for connection in connections:
        await connection.close()
    sys.stdout.write(json.dumps({"took_s": samples.took_s, "elapsed_s": samples.elapsed_s}) + "\n")


if __name__ == "__main__":
    dsn, clients, seconds, first, last = sys.argv[1:]
    uvloop.run(run(dsn, int(clients), float(seconds), iter(range(int(first), int(last) + 1))))
