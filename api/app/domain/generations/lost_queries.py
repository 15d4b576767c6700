"""SQL of attempts whose answer was lost: who is to be asked about, who gets which task, orphans, and a restored database."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.catalogue.models import CatalogModel
from app.domain.generations.models import GenerationJob, GenerationOrphan, GenerationReference, GenerationRequest
from app.domain.generations.rules import PROVIDER, AttemptState

ALIASES_SEEN = 1000
LOOK_DELAY_MIN_S = 5
LOOK_DELAY_MAX_S = 1800
LAST_LOOK_S = 10

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('generation_jobs reconciler', 0))")
# Rows that a worker holds now are left to it; a task that somebody else got meanwhile is not taken from him.
_BIND = text("""
    WITH found AS (
        SELECT * FROM unnest(CAST(:attempt_ids AS bigint[]), CAST(:task_ids AS text[])) AS found (attempt_id, task_id)
    ), mine AS (
        SELECT job.id, found.task_id FROM generation_jobs job JOIN found ON found.attempt_id = job.id
        WHERE job.provider_job_id IS NULL AND job.state IN ('unknown', 'expired') AND NOT EXISTS (
            SELECT FROM generation_jobs other WHERE other.provider = job.provider AND other.provider_job_id = found.task_id
        )
        ORDER BY job.id FOR UPDATE OF job SKIP LOCKED
    )
    UPDATE generation_jobs job SET
        provider_job_id = mine.task_id,
        look_again_at = CASE job.state WHEN 'expired' THEN job.look_again_at END
    FROM mine WHERE job.id = mine.id
    RETURNING job.id, job.generation_id, job.state
""")
# The longer ago, the rarer; once more shortly before the deadline; and not for ever. A hint that came meanwhile is kept.
_LOOKED = text("""
    WITH looked AS (
        SELECT job.id, job.state, job.finished_at, request.deadline_at, now() + make_interval(
            secs => least(greatest(extract(epoch FROM now() - job.submitted_at) / 4, :min_s), :max_s)
        ) AS next_at
        FROM generation_jobs job JOIN generation_requests request ON request.id = job.generation_id
        WHERE job.id = ANY(CAST(:attempt_ids AS bigint[])) AND job.look_again_at <= :looked_at
        ORDER BY job.id FOR UPDATE OF job SKIP LOCKED
    )
    UPDATE generation_jobs job SET look_again_at = CASE
        WHEN looked.state <> 'expired' THEN
            least(next_at, greatest(deadline_at - make_interval(secs => :last_look_s), now() + make_interval(secs => :min_s)))
        WHEN looked.finished_at > now() - make_interval(secs => :look_back_s) THEN next_at
    END
    FROM looked WHERE job.id = looked.id
""")
_TAKEN = text(
    "SELECT provider_job_id FROM generation_jobs WHERE provider = :provider AND provider_job_id = ANY(CAST(:task_ids AS text[]))"
)
_FORGET = text("UPDATE generation_jobs SET look_again_at = NULL WHERE id = ANY(CAST(:attempt_ids AS bigint[]))")
# The timeline by the log's own name, which a promoted server has at once; its control file follows some seconds later.
_IDENTITY = text("""
    SELECT (SELECT system_identifier FROM pg_control_system())
        || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
        || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
""")
_LOCK_IDENTITY = text("SELECT pg_advisory_xact_lock(hashtextextended('database identity', 0))")
_KNOWN_IDENTITY = text("SELECT identity FROM database_identity")
_STORE_IDENTITY = text("""
    INSERT INTO database_identity (id, identity) VALUES (1, :identity)
    ON CONFLICT (id) DO UPDATE SET identity = excluded.identity, noted_at = now()
""")
_DOUBT = text("""
    WITH doubted AS (
        UPDATE generation_jobs job SET
            state = 'unknown', epoch = job.epoch + 1, error = :reason, submitted_at = job.created_at,
            lost_at = least(now(), request.deadline_at), look_again_at = now(),
            sent_path = sent.path, sent_body = CAST(sent.body AS jsonb)
        FROM unnest(CAST(:attempt_ids AS bigint[]), CAST(:paths AS text[]), CAST(:bodies AS text[])) AS sent (id, path, body),
            generation_requests request
        WHERE job.id = sent.id AND job.state = 'ready' AND request.id = job.generation_id
        RETURNING job.generation_id
    )
    UPDATE generation_requests request SET
        status = 'running', started_at = coalesce(request.started_at, now()), updated_at = now()
    FROM doubted WHERE request.id = doubted.generation_id AND request.status = 'queued'
    RETURNING request.id
""")


async def list_due(session: AsyncSession, *, limit: int) -> Sequence[Row[Any]]:
    """Attempts that the provider is to be asked about now, and the database's time; the longest waiting first."""
    statement = (
        select(
            GenerationJob.id,
            GenerationJob.generation_id,
            GenerationJob.state,
            GenerationJob.provider_job_id,
            GenerationJob.sent_path,
            GenerationJob.sent_body,
            GenerationJob.submitted_at,
            func.coalesce(GenerationJob.lost_at, GenerationJob.finished_at, func.now()).label("lost_at"),
            func.now().label("now"),
        )
        .where(GenerationJob.look_again_at <= func.now())
        .order_by(GenerationJob.look_again_at)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def list_in_flight(session: AsyncSession, paths: Iterable[str]) -> Sequence[Row[Any]]:
    """What is being sent to these paths now: an answer that may still come."""
    statement = select(GenerationJob.sent_path, GenerationJob.sent_body, GenerationJob.submitted_at).where(
        GenerationJob.state == AttemptState.SUBMITTING, GenerationJob.sent_path.in_(list(paths))
    )
    return (await session.execute(statement)).all()


async def list_names(session: AsyncSession) -> Sequence[tuple[str, str]]:
    """What the provider called a path lately, where that was not the path's own name: (path, name)."""
    lately = (
        select(GenerationJob.sent_path, GenerationJob.answered_model)
        .where(GenerationJob.answered_model.is_not(None))
        .order_by(GenerationJob.id.desc())
        .limit(ALIASES_SEEN)
        .subquery()
    )
    rows = await session.execute(select(lately.c.sent_path, lately.c.answered_model).distinct())
    return [(row.sent_path, row.answered_model) for row in rows]


async def list_taken(session: AsyncSession, task_ids: Iterable[str]) -> set[str]:
    """Those of these tasks that belong to an attempt."""
    return set(await session.scalars(_TAKEN, {"provider": PROVIDER, "task_ids": list(task_ids)}))


async def try_lock(session: AsyncSession) -> bool:
    """Whether nobody else reconciles in this moment; the lock ends with the transaction."""
    return bool(await session.scalar(_LOCK))


async def bind_tasks(session: AsyncSession, pairs: Sequence[tuple[int, str]]) -> Sequence[Row[Any]]:
    """Give these attempts (by id) these tasks, where neither has another one; returns id, generation and state of who got his."""
    values = {"attempt_ids": [attempt_id for attempt_id, _ in pairs], "task_ids": [task_id for _, task_id in pairs]}
    return (await session.execute(_BIND, values)).all()


async def mark_looked(session: AsyncSession, attempt_ids: Sequence[int], *, looked_at: datetime, look_back_s: float) -> None:
    """The provider was asked about these: again later, unless their generation failed too long ago."""
    await session.execute(
        _LOOKED,
        {
            "attempt_ids": list(attempt_ids),
            "looked_at": looked_at,
            "look_back_s": look_back_s,
            "last_look_s": LAST_LOOK_S,
            "min_s": LOOK_DELAY_MIN_S,
            "max_s": LOOK_DELAY_MAX_S,
        },
    )


async def insert_orphans(session: AsyncSession, orphans: Sequence[dict[str, Any]]) -> Sequence[str]:
    """Note tasks that no customer pays for, and ask no more about their attempts; returns the ids of those noted just now."""
    statement = insert(GenerationOrphan).values(list(orphans)).on_conflict_do_nothing().returning(GenerationOrphan.provider_job_id)
    noted = (await session.scalars(statement)).all()
    await session.execute(_FORGET, {"attempt_ids": [orphan["attempt_id"] for orphan in orphans]})
    return noted


async def list_orphans(session: AsyncSession, *, limit: int) -> Sequence[GenerationOrphan]:
    """The orphans, the newest first."""
    return (await session.scalars(select(GenerationOrphan).order_by(GenerationOrphan.id.desc()).limit(limit))).all()


async def sum_orphans(session: AsyncSession) -> tuple[int, Decimal]:
    """How many orphans there are, and what they cost as far as the provider said."""
    count, cost = (await session.execute(select(func.count(), func.sum(GenerationOrphan.cost_usd)))).one()
    return int(count), Decimal(cost or 0)


async def is_in_recovery(session: AsyncSession) -> bool:
    """Whether the server still replays its log, and can be read but not written."""
    return bool(await session.scalar(select(func.pg_is_in_recovery())))


async def lock_identity(session: AsyncSession) -> str | None:
    """The identity that the database had at the last start, None at the first one; others wait until the transaction ends."""
    await session.execute(_LOCK_IDENTITY)
    known: str | None = await session.scalar(_KNOWN_IDENTITY)
    return known


async def get_identity(session: AsyncSession) -> str:
    """Which database this is: its cluster, its number in there, and its timeline. A copy differs in one of them at least."""
    return str(await session.scalar(_IDENTITY))


async def store_identity(session: AsyncSession, identity: str) -> None:
    """Remember which database this is."""
    await session.execute(_STORE_IDENTITY, {"identity": identity})


async def list_ready(session: AsyncSession) -> Sequence[Row[Any]]:
    """Every attempt that waits to be sent, with all that its order is made of."""
    urls = (
        select(func.array_agg(aggregate_order_by(GenerationReference.url, GenerationReference.position)))
        .where(GenerationReference.generation_id == GenerationRequest.id, GenerationReference.url.is_not(None))
        .scalar_subquery()
    )
    statement = (
        select(
            GenerationJob.id,
            CatalogModel.key.label("model_key"),
            GenerationRequest.prompt,
            GenerationRequest.size,
            GenerationRequest.aspect_ratio,
            GenerationRequest.resolution,
            urls.label("reference_urls"),
        )
        .join(GenerationRequest, GenerationRequest.id == GenerationJob.generation_id)
        .join(CatalogModel, CatalogModel.id == GenerationRequest.model_id)
        .where(GenerationJob.state == AttemptState.READY)
        .with_for_update(of=GenerationJob)
    )
    return (await session.execute(statement)).all()


async def mark_doubted(session: AsyncSession, sent: Sequence[tuple[int, str, dict[str, Any]]], *, reason: str) -> Sequence[int]:
    """These waiting attempts (id, path, body) may have been sent already: unknown from now on."""
    values = {
        "attempt_ids": [attempt_id for attempt_id, _, _ in sent],
        "paths": [path for _, path, _ in sent],
        "bodies": [json.dumps(body) for _, _, body in sent],
        "reason": reason,
    }
    return list(await session.scalars(_DOUBT, values))
