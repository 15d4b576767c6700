"""SQL that a worker asks of attempts. Every write names the epoch of its claim: 0 rows means that somebody else owns it now."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import case, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import ServiceUnavailableError
from app.db import wire
from app.domain.generations.models import GenerationJob, GenerationOrphan, GenerationRequest
from app.domain.generations.rules import ACTIVE_STATUSES, LIVE_STATES, PROVIDER, AttemptState, FailureCode, Status
from app.domain.generations.schemas import Attempt
from app.provider.wire import Task

_WAS_SENT = or_(GenerationJob.sent_path.is_not(None), GenerationJob.provider_job_id.is_not(None))
_LOOKS = {
    AttemptState.UNKNOWN: case((_WAS_SENT, func.coalesce(GenerationJob.look_again_at, func.now()))),
    AttemptState.EXPIRED: case((_WAS_SENT, func.now())),
}

# What every generation goes through, at the bare driver (app.db.wire).
_ACTIVE = ", ".join(f"'{status}'" for status in ACTIVE_STATUSES)
_LIVE = ", ".join(f"'{state}'" for state in LIVE_STATES)
_LOCK_LIVE_ATTEMPT = wire.Statement(
    text(f"""
    SELECT
        attempt.id, attempt.generation_id, attempt.attempt_no, attempt.state, attempt.epoch, attempt.token, attempt.provider_job_id,
        generation.status, generation.request_id, model.key AS model_key, generation.prompt, generation.size,
        generation.aspect_ratio, generation.resolution, generation.hold_id, generation.trial_use_id, generation.public_id,
        CAST(extract(epoch FROM generation.deadline_at - clock_timestamp()) AS float8) AS seconds_left,
        ARRAY(
            SELECT url FROM generation_references WHERE generation_id = :generation_id AND url IS NOT NULL ORDER BY position
        ) AS reference_urls
    FROM generation_jobs attempt
    JOIN generation_requests generation ON generation.id = attempt.generation_id
    JOIN model_catalog model ON model.id = generation.model_id
    WHERE attempt.generation_id = :generation_id AND attempt.state IN ({_LIVE})
    FOR UPDATE OF attempt, generation
""")  # noqa: S608 - names of states, no input
)

_SEND = wire.Statement(
    text(f"""
    WITH attempt AS (
        UPDATE generation_jobs SET state = 'submitting', epoch = :next_epoch, submitted_at = now(),
            sent_path = :path, sent_body = :body, look_again_at = NULL
        WHERE id = :id AND epoch = :epoch AND state = :state RETURNING generation_id
    )
    UPDATE generation_requests generation SET status = 'running', updated_at = now(), started_at = coalesce(started_at, now())
    FROM attempt WHERE generation.id = attempt.generation_id AND generation.status IN ({_ACTIVE}) RETURNING generation.id
""")  # noqa: S608
)

# The task is written down with the end when its id comes with the picture. One that belongs to another attempt is nobody else's.
_COMPLETE = wire.Statement(
    text(f"""
    WITH attempt AS (
        UPDATE generation_jobs attempt SET state = 'completed', finished_at = now(), look_again_at = NULL,
            provider_job_id = coalesce(:task_id, provider_job_id),
            answered_model = CASE WHEN :task_id IS NULL THEN answered_model ELSE nullif(nullif(:model, ''), sent_path) END
        WHERE id = :id AND epoch = :epoch AND state = :state AND NOT EXISTS (
            SELECT FROM generation_jobs other
            WHERE other.provider = attempt.provider AND other.provider_job_id = :task_id AND other.id <> attempt.id
        )
        RETURNING generation_id
    ), picture AS (
        INSERT INTO generation_results (generation_id, position, url)
        SELECT attempt.generation_id, given.place - 1, given.url
        FROM attempt CROSS JOIN unnest(CAST(:urls AS text[])) WITH ORDINALITY given (url, place)
    ), generation AS (
        UPDATE generation_requests generation SET status = 'completed', updated_at = now(), completed_at = now()
        FROM attempt WHERE generation.id = attempt.generation_id AND generation.status IN ({_ACTIVE}) RETURNING generation.id
    )
    SELECT EXISTS (SELECT FROM attempt) AS is_ours, EXISTS (SELECT FROM generation) AS is_ended
""")  # noqa: S608
)

_IS_TAKEN = wire.Statement(
    text("SELECT id FROM generation_jobs WHERE provider = :provider AND provider_job_id = :task_id AND id <> :id")
)


async def lock_live_attempt(session: AsyncSession, generation_id: int) -> Attempt | None:
    """The generation's live attempt, both rows locked until the transaction ends; None when it has ended."""
    row = await wire.fetch_row(session, _LOCK_LIVE_ATTEMPT, {"generation_id": generation_id})
    if row is None:
        return None
    return Attempt(**dict(row) | {"state": AttemptState(row["state"]), "status": Status(row["status"])})


async def mark_attempt(
    session: AsyncSession, attempt: Attempt, state: AttemptState, *, next_epoch: bool = False, **values: Any
) -> bool:
    """Write an attempt's new state if it is still at the epoch that `attempt` was read with; False when it is not.

    Of one that is unknown now, or over without its task having ended, the provider is asked from now on (reconciliation.py).
    """
    epoch = attempt.epoch + 1 if next_epoch else attempt.epoch
    values["look_again_at"] = _LOOKS.get(state)
    if state is AttemptState.UNKNOWN:
        values["lost_at"] = func.coalesce(GenerationJob.lost_at, func.clock_timestamp())
    if state not in LIVE_STATES:
        values["finished_at"] = func.now()
    statement = (
        update(GenerationJob)
        .where(GenerationJob.id == attempt.id, GenerationJob.epoch == attempt.epoch, GenerationJob.state == attempt.state)
        .values(state=state, epoch=epoch, **values)
        .returning(GenerationJob.id)
    )
    return await session.scalar(statement) is not None


async def mark_submitted(session: AsyncSession, attempt: Attempt, task_id: str, *, model: str) -> bool:
    """The provider has the attempt as this task, under this name of the model. False: not ours any more, or another attempt's task.

    Raises ServiceUnavailableError when it is becoming another attempt's in this moment.
    """
    answered_model = func.nullif(model, GenerationJob.sent_path) if model else None
    if await is_taken(session, attempt, task_id):
        return False
    with _somebody_was_quicker():
        return await mark_attempt(session, attempt, AttemptState.SUBMITTED, provider_job_id=task_id, answered_model=answered_model)


async def is_taken(session: AsyncSession, attempt: Attempt, task_id: str) -> bool:
    """Whether another attempt has this task."""
    asked = {"provider": PROVIDER, "task_id": task_id, "id": attempt.id}
    return await wire.fetch_value(session, _IS_TAKEN, asked) is not None


async def is_bound(session: AsyncSession, attempt: Attempt, task_id: str) -> bool:
    """Whether the attempt has this task already, by the very claim that `attempt` was read with."""
    statement = select(GenerationJob.id).where(
        GenerationJob.id == attempt.id, GenerationJob.epoch == attempt.epoch, GenerationJob.provider_job_id == task_id
    )
    return await session.scalar(statement) is not None


async def find_by_token(session: AsyncSession, token: UUID) -> tuple[int, AttemptState] | None:
    """The generation and the state of the attempt with this token."""
    statement = select(GenerationJob.generation_id, GenerationJob.state).where(GenerationJob.token == token)
    row = (await session.execute(statement)).one_or_none()
    return (row.generation_id, AttemptState(row.state)) if row else None


async def bind_task(session: AsyncSession, token: UUID, task_id: str) -> bool:
    """Note the task of an attempt whose answer has not come, or was lost; False when it has one, or another attempt has this one.

    State and epoch stay: whoever owns the attempt goes on, and the answer to its POST, if it still comes, has the last word.
    One whose deadline has passed meanwhile keeps its end; the provider is asked about its task.
    """
    statement = (
        update(GenerationJob)
        .where(
            GenerationJob.token == token,
            GenerationJob.state.in_((AttemptState.SUBMITTING, AttemptState.UNKNOWN, AttemptState.EXPIRED)),
            GenerationJob.provider_job_id.is_(None),
        )
        .values(provider_job_id=task_id)
        .returning(GenerationJob.id)
    )
    try:
        async with session.begin_nested():
            return await session.scalar(statement) is not None
    except IntegrityError:  # (provider, provider_job_id) is unique
        return False


async def mark_news(session: AsyncSession, token: UUID) -> None:
    """There is news of an attempt whose deadline has passed: have the provider asked, unless its task is noted already."""
    noted = exists().where(GenerationOrphan.attempt_id == GenerationJob.id)
    statement = update(GenerationJob).where(GenerationJob.token == token, GenerationJob.state == AttemptState.EXPIRED, ~noted)
    await session.execute(statement.values(look_again_at=func.now()))


async def mark_sent(session: AsyncSession, attempt: Attempt, *, path: str, body: Mapping[str, Any]) -> Attempt:
    """A ready attempt is about to be sent, by this claim alone, and its generation is on its way; returns it as it is now.

    The caller holds its lock.
    """
    epoch = attempt.epoch + 1
    sent = {"next_epoch": epoch, "path": path, "body": json.dumps(dict(body))}
    if await wire.fetch_row(session, _SEND, _guard(attempt) | sent) is None:
        msg = f"attempt {attempt.id} changed under its lock"
        raise RuntimeError(msg)
    return replace(attempt, state=AttemptState.SUBMITTING, epoch=epoch)


async def mark_completed(session: AsyncSession, attempt: Attempt, task: Task) -> bool:
    """The attempt and its generation have ended with these pictures, in the provider's order; all of it in one statement.

    Of an attempt that had no answer yet, this is the answer, and binds its task. False: not ours any more, or another's task.
    Raises ServiceUnavailableError when it is becoming another attempt's in this moment.
    """
    task_id = task.id if attempt.state is AttemptState.SUBMITTING else None
    answer = {"task_id": task_id, "model": task.model, "urls": list(task.outputs)}
    with _somebody_was_quicker():
        row = await wire.fetch_row(session, _COMPLETE, _guard(attempt) | answer)
    if row is None or not row["is_ours"]:
        return False
    if not row["is_ended"]:
        raise _ended_before(attempt.generation_id)
    return True


async def mark_queued(session: AsyncSession, generation_id: int) -> None:
    """The provider did not take it: back to waiting."""
    await _mark_request(session, generation_id, Status.QUEUED)


async def mark_failed(session: AsyncSession, generation_id: int, code: FailureCode, message: str) -> None:
    """The generation will never have pictures."""
    await _mark_request(session, generation_id, Status.FAILED, completed_at=func.now(), error_code=code, error_message=message)


async def mark_cancelled(session: AsyncSession, generation_id: int) -> None:
    """Its owner took the order back."""
    await _mark_request(session, generation_id, Status.CANCELLED, completed_at=func.now())


async def insert_next_attempt(session: AsyncSession, refused: Attempt, token: UUID, provider: str) -> None:
    """The attempt that follows a definite refusal."""
    await session.execute(
        insert(GenerationJob).values(
            generation_id=refused.generation_id,
            attempt_no=refused.attempt_no + 1,
            state=AttemptState.READY,
            token=token,
            provider=provider,
        )
    )


async def _mark_request(session: AsyncSession, generation_id: int, status: Status, **values: Any) -> None:
    # The caller holds the row's lock; a final status is final whoever asks.
    statement = (
        update(GenerationRequest)
        .where(GenerationRequest.id == generation_id, GenerationRequest.status.in_(ACTIVE_STATUSES))
        .values(status=status, updated_at=func.now(), **values)
        .returning(GenerationRequest.id)
    )
    if await session.scalar(statement) is None:
        raise _ended_before(generation_id)


def _guard(attempt: Attempt) -> dict[str, object]:
    return {"id": attempt.id, "epoch": attempt.epoch, "state": attempt.state}


def _ended_before(generation_id: int) -> RuntimeError:
    return RuntimeError(f"generation {generation_id} has ended before; its status must not change")


@contextmanager
def _somebody_was_quicker() -> Iterator[None]:
    """A task that another transaction is giving to another attempt: who looks again finds it taken."""
    try:
        yield
    except IntegrityError as error:
        if "uq_generation_jobs_provider_provider_job_id" in str(error.orig):
            raise ServiceUnavailableError from error
        raise
