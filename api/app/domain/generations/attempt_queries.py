"""SQL that a worker asks of attempts. Every write names the epoch of its claim: 0 rows means that somebody else owns it now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, exists, extract, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.catalogue.models import CatalogModel
from app.domain.generations.models import GenerationJob, GenerationOrphan, GenerationRequest, GenerationResult
from app.domain.generations.rules import ACTIVE_STATUSES, LIVE_STATES, AttemptState, FailureCode, Status
from app.domain.generations.schemas import Attempt

# By the ends of the newest ids: the audit reads all of them, every few minutes.
_UNSETTLED = text("""
    SELECT generation.id FROM (
        SELECT * FROM generation_requests ORDER BY id DESC LIMIT :newest
    ) generation
    LEFT JOIN ledger_transfers ending ON ending.hold_id = generation.hold_id
    LEFT JOIN trial_uses trial ON trial.id = generation.trial_use_id
    WHERE generation.status IN ('completed', 'failed', 'cancelled')
        AND coalesce(ending.entry_type, trial.state, '') <> ALL (
            CASE generation.status WHEN 'completed' THEN ARRAY['generation_capture', 'used']
            ELSE ARRAY['generation_release', 'restored'] END
        )
""")
_WAITING_EVENTS = text("""
    SELECT count(*) FROM generation_events
    WHERE position IS NULL AND created_at < now() - make_interval(secs => :age_s)
""")
_WAS_SENT = or_(GenerationJob.sent_path.is_not(None), GenerationJob.provider_job_id.is_not(None))
_LOOKS = {
    AttemptState.UNKNOWN: case((_WAS_SENT, func.coalesce(GenerationJob.look_again_at, func.now()))),
    AttemptState.EXPIRED: case((_WAS_SENT, func.now())),
}

# At the beginning of everything that is done to an attempt, so it is put together once.
_LOCK_LIVE_ATTEMPT = (
    select(
        GenerationJob.id,
        GenerationJob.generation_id,
        GenerationJob.attempt_no,
        GenerationJob.state,
        GenerationJob.epoch,
        GenerationJob.token,
        GenerationJob.provider_job_id,
        GenerationRequest.status,
        GenerationRequest.request_id,
        CatalogModel.key.label("model_key"),
        GenerationRequest.prompt,
        GenerationRequest.size,
        GenerationRequest.aspect_ratio,
        GenerationRequest.resolution,
        GenerationRequest.hold_id,
        GenerationRequest.trial_use_id,
        GenerationRequest.public_id,
        extract("epoch", GenerationRequest.deadline_at - func.clock_timestamp()).label("seconds_left"),
    )
    .join(GenerationRequest, GenerationRequest.id == GenerationJob.generation_id)
    .join(CatalogModel, CatalogModel.id == GenerationRequest.model_id)
    .where(GenerationJob.generation_id == bindparam("of"), GenerationJob.state.in_(LIVE_STATES))
    .with_for_update(of=(GenerationJob, GenerationRequest))
)


async def lock_live_attempt(session: AsyncSession, generation_id: int) -> Attempt | None:
    """The generation's live attempt, both rows locked until the transaction ends; None when it has ended."""
    row = (await session.execute(_LOCK_LIVE_ATTEMPT, {"of": generation_id})).one_or_none()
    if row is None:
        return None
    fields = row._asdict()
    return Attempt(
        **fields
        | {
            "state": AttemptState(row.state),
            "status": Status(row.status),
            "seconds_left": float(fields["seconds_left"]),
        }
    )


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


async def mark_submitted(session: AsyncSession, attempt: Attempt, task_id: str, *, model: str) -> bool | None:
    """The provider has the attempt as this task, under this name of the model; None when another attempt has that task already."""
    answered_model = func.nullif(model, GenerationJob.sent_path) if model else None
    try:
        async with session.begin_nested():
            return await mark_attempt(
                session, attempt, AttemptState.SUBMITTED, provider_job_id=task_id, answered_model=answered_model
            )
    except IntegrityError:  # (provider, provider_job_id) is unique
        return None


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
    """A ready attempt is about to be sent, by this claim alone; returns it as it is now. The caller holds its lock."""
    sent = {"submitted_at": func.now(), "sent_path": path, "sent_body": dict(body)}
    if not await mark_attempt(session, attempt, AttemptState.SUBMITTING, next_epoch=True, **sent):
        msg = f"attempt {attempt.id} changed under its lock"
        raise RuntimeError(msg)
    return replace(attempt, state=AttemptState.SUBMITTING, epoch=attempt.epoch + 1)


async def mark_running(session: AsyncSession, generation_id: int) -> None:
    """The generation is on its way to the provider."""
    started_at = func.coalesce(GenerationRequest.started_at, func.now())
    await _mark_request(session, generation_id, Status.RUNNING, started_at=started_at)


async def mark_queued(session: AsyncSession, generation_id: int) -> None:
    """The provider did not take it: back to waiting."""
    await _mark_request(session, generation_id, Status.QUEUED)


async def mark_completed(session: AsyncSession, generation_id: int) -> None:
    """The generation has its pictures."""
    await _mark_request(session, generation_id, Status.COMPLETED, completed_at=func.now())


async def mark_failed(session: AsyncSession, generation_id: int, code: FailureCode, message: str) -> None:
    """The generation will never have pictures."""
    await _mark_request(session, generation_id, Status.FAILED, completed_at=func.now(), error_code=code, error_message=message)


async def mark_cancelled(session: AsyncSession, generation_id: int) -> None:
    """Its owner took the order back."""
    await _mark_request(session, generation_id, Status.CANCELLED, completed_at=func.now())


async def insert_results(session: AsyncSession, generation_id: int, urls: Sequence[str]) -> None:
    """Store the pictures in the provider's order, in one statement."""
    rows = [{"generation_id": generation_id, "position": position, "url": url} for position, url in enumerate(urls)]
    await session.execute(insert(GenerationResult), rows)


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


async def list_overdue_ids(session: AsyncSession, *, limit: int) -> list[int]:
    """Generations past their deadline, the oldest first."""
    statement = (
        select(GenerationRequest.id)
        .where(GenerationRequest.status.in_(ACTIVE_STATUSES), GenerationRequest.deadline_at < func.clock_timestamp())
        .order_by(GenerationRequest.deadline_at)
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def list_active_ids(session: AsyncSession, *, older_than_s: float, after_id: int, limit: int) -> list[int]:
    """Generations after that one that have not ended and are at least so old, the oldest first."""
    statement = (
        select(GenerationRequest.id)
        .where(
            GenerationRequest.status.in_(ACTIVE_STATUSES),
            GenerationRequest.id > after_id,
            GenerationRequest.created_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than_s),
        )
        .order_by(GenerationRequest.id)
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def list_unsettled_ids(session: AsyncSession, *, newest: int) -> list[int]:
    """Of the newest generations, those that have ended without their capture or release; there must be none."""
    return list(await session.scalars(_UNSETTLED, {"newest": newest}))


async def count_waiting_events(session: AsyncSession, *, older_than_s: float) -> int:
    """Events of that age that have no place in the feed."""
    return int(await session.scalar(_WAITING_EVENTS, {"age_s": older_than_s}) or 0)


async def _mark_request(session: AsyncSession, generation_id: int, status: Status, **values: Any) -> None:
    # The caller holds the row's lock; a final status is final whoever asks.
    statement = (
        update(GenerationRequest)
        .where(GenerationRequest.id == generation_id, GenerationRequest.status.in_(ACTIVE_STATUSES))
        .values(status=status, updated_at=func.now(), **values)
        .returning(GenerationRequest.id)
    )
    if await session.scalar(statement) is None:
        msg = f"generation {generation_id} has ended before; its status must not change"
        raise RuntimeError(msg)
