"""Putting work into the queue inside the caller's transaction: the fact and the job it causes commit together.

The queue is PgQueuer's tables in the same database; its statement runs on the very connection that the session holds.
"""

from datetime import timedelta
from typing import cast

from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import Session

GENERATE = "generate"
WAKE_CHANNEL = "rassom_wake"

# The library's own statement, taken once: it would build and normalise it anew for every job.
_ENQUEUE = QueryQueueBuilder().build_enqueue_query("skip")

# The same two rows as that statement writes for one job, for a statement of somebody else. Before it: `due (key)`, the ids.
ENQUEUE_PART = f"""
    job AS (
        INSERT INTO pgqueuer (priority, entrypoint, payload, dedupe_key, headers, status)
        SELECT 0, '{GENERATE}', convert_to(CAST(due.key AS text), 'UTF8'), '{GENERATE}:' || due.key, 'null', 'queued' FROM due
        RETURNING id, entrypoint, priority
    ), logged AS (
        INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority) SELECT id, 'queued', entrypoint, priority FROM job
    )
"""  # noqa: S608 - our own word, nothing from outside

_MISSING = text("""
    SELECT wanted.key FROM unnest(CAST(:keys AS bigint[])) AS wanted (key)
    WHERE NOT EXISTS (
        SELECT FROM pgqueuer job
        WHERE job.dedupe_key = CAST(:prefix AS text) || wanted.key AND job.status IN ('queued', 'picked')
    )
""")


_WAKE = text("SELECT pg_notify(:channel, :key)")
_WAKE_ALL = text("SELECT pg_notify(:channel, woken.key) FROM unnest(CAST(:keys AS text[])) AS woken (key)")
_REST = text("""
    UPDATE pgqueuer SET execute_after = now() + CAST(:delay AS interval), updated = now()
    WHERE dedupe_key = :dedupe_key AND status = 'picked'
""")
# The queue's own trigger announces inserts only: an UPDATE is seen at its next look, seconds later, unless it is announced here.
_HASTEN = text("""
    WITH hastened AS (
        UPDATE pgqueuer SET execute_after = now(), updated = now()
        WHERE dedupe_key = ANY(CAST(:dedupe_keys AS text[])) AND status IN ('queued', 'picked') AND execute_after > now()
        RETURNING id
    )
    SELECT pg_notify('ch_pgqueuer', json_build_object(
        'channel', 'ch_pgqueuer', 'operation', 'update', 'sent_at', now(), 'table', 'pgqueuer', 'type', 'table_changed_event'
    )::text) FROM hastened LIMIT 1
""")
_HASTEN_ALL = text("""
    WITH hastened AS (
        UPDATE pgqueuer SET execute_after = now(), updated = now()
        WHERE entrypoint = :entrypoint AND status IN ('queued', 'picked') AND execute_after > now()
        RETURNING id
    )
    SELECT pg_notify('ch_pgqueuer', json_build_object(
        'channel', 'ch_pgqueuer', 'operation', 'update', 'sent_at', now(), 'table', 'pgqueuer', 'type', 'table_changed_event'
    )::text) FROM hastened LIMIT 1
""")


async def enqueue(session: AsyncSession, entrypoint: str, key: int, *, delay_s: float = 0.0) -> None:
    """Queue the job `entrypoint` for `key` (a row's id); a second one while the first lives is the same job."""
    driver = await cast("Session", session).driver()
    priority, headers = 0, "null"
    delay, dedupe_key = timedelta(seconds=delay_s), f"{entrypoint}:{key}"
    await driver.fetch(_ENQUEUE, [priority], [entrypoint], [str(key).encode()], [delay], [dedupe_key], [headers])


async def rest(session: AsyncSession, entrypoint: str, key: int, *, delay_s: float) -> None:
    """Let the job of `key`, which is running, rest for so long as soon as it is put back; who hastens it meanwhile is heard.

    For a rest that somebody may end: decided under the lock that they take, it cannot be put back after they have looked for it.
    """
    await session.execute(_REST, {"delay": timedelta(seconds=delay_s), "dedupe_key": f"{entrypoint}:{key}"})


async def wake(session: AsyncSession, entrypoint: str, key: int) -> None:
    """Have the job of `key` look at the world as soon as this transaction commits, whether it runs or sleeps in the queue."""
    await session.execute(_WAKE, {"channel": WAKE_CHANNEL, "key": str(key)})
    await hasten(session, entrypoint, key)


async def wake_all(session: AsyncSession, entrypoint: str, keys: list[int]) -> None:
    """The same for several keys, in two statements."""
    await session.execute(_WAKE_ALL, {"channel": WAKE_CHANNEL, "keys": [str(key) for key in keys]})
    await session.execute(_HASTEN, {"dedupe_keys": [f"{entrypoint}:{key}" for key in keys]})


async def hasten(session: AsyncSession, entrypoint: str, key: int) -> None:
    """Make a job that sleeps in the queue, or is about to (`rest`), due now; any other one stays as it is."""
    await session.execute(_HASTEN, {"dedupe_keys": [f"{entrypoint}:{key}"]})


async def hasten_all(session: AsyncSession, entrypoint: str) -> None:
    """The same for every job of this entrypoint; they go in the order in which they were queued."""
    await session.execute(_HASTEN_ALL, {"entrypoint": entrypoint})


async def list_missing(session: AsyncSession, entrypoint: str, keys: list[int]) -> list[int]:
    """Those of `keys` that no queued or running job of this entrypoint works for."""
    rows = await session.execute(_MISSING, {"keys": keys, "prefix": f"{entrypoint}:"})
    return list(rows.scalars())
