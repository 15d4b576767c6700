"""Where every generation ends: one function for the worker, a refresh and a webhook.

Settling moves the money and writes the final status in one transaction, under the lock of the attempt and its generation, so ten
of them at once are one. Who comes second finds the attempt ended and changes nothing.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.core.metrics import GENERATIONS_ENDED
from app.domain.generations import attempt_queries as queries
from app.domain.generations.rules import FAILURE_MESSAGES, AttemptState, FailureCode, Status, failure_of
from app.domain.generations.schemas import Attempt
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.domain.trial import service as trial
from app.provider.wire import Task, TaskState

_log = get_logger(__name__)


async def settle(session: AsyncSession, attempt: Attempt, task: Task) -> bool:
    """End the generation if its task has ended: capture and results, or release. Returns whether this call ended it.

    `attempt` is as its caller knows it: just locked, or claimed earlier. The first write names its epoch and state, and takes the
    lock if the caller has not; who comes second finds nothing to write.
    """
    if task.state is TaskState.PENDING:
        return False
    if task.state is TaskState.COMPLETED and task.outputs:
        return await _complete(session, attempt, task)
    code = FailureCode.NO_IMAGE if task.state is TaskState.COMPLETED else failure_of(task.code)
    return await fail(session, attempt, code, reason=f"{task.status} {task.code or ''} {task.error}".strip())


async def fail(
    session: AsyncSession,
    attempt: Attempt,
    code: FailureCode,
    *,
    reason: str,
    state: AttemptState = AttemptState.FAILED,
) -> bool:
    """End the generation without a picture and give back what was held. Returns whether this call ended it."""
    if not await queries.mark_attempt(session, attempt, state, error=reason[:1000]):
        return False
    await queries.mark_failed(session, attempt.generation_id, code, FAILURE_MESSAGES[code])
    await _give_back(session, attempt)
    GENERATIONS_ENDED.labels(model=attempt.model_key, status=Status.FAILED, error_code=code).inc()
    _log.info("generation_failed", generation_id=attempt.generation_id, error_code=code, reason=reason[:200])
    return True


async def cancel(session: AsyncSession, attempt: Attempt) -> bool:
    """End a generation that was never sent, at its owner's wish, and give back what was held. False: it was sent meanwhile."""
    if attempt.state is not AttemptState.READY:
        return False
    if not await queries.mark_attempt(session, attempt, AttemptState.CANCELLED):
        return False
    await queries.mark_cancelled(session, attempt.generation_id)
    await _give_back(session, attempt)
    GENERATIONS_ENDED.labels(model=attempt.model_key, status=Status.CANCELLED, error_code="").inc()
    _log.info("generation_cancelled", generation_id=attempt.generation_id)
    return True


async def _complete(session: AsyncSession, attempt: Attempt, task: Task) -> bool:
    if not await queries.mark_completed(session, attempt, task):
        return False
    if attempt.hold_id is not None:
        await ledger.capture(session, hold_id=attempt.hold_id, memo=_memo(attempt))
    if attempt.trial_use_id is not None:
        await trial.confirm(session, attempt.trial_use_id)
    GENERATIONS_ENDED.labels(model=attempt.model_key, status=Status.COMPLETED, error_code="").inc()
    _log.info("generation_completed", generation_id=attempt.generation_id, images=len(task.outputs))
    return True


async def _give_back(session: AsyncSession, attempt: Attempt) -> None:
    if attempt.hold_id is not None:
        await ledger.release(session, hold_id=attempt.hold_id, memo=_memo(attempt))
    if attempt.trial_use_id is not None:
        await trial.restore(session, attempt.trial_use_id)


def _memo(attempt: Attempt) -> Memo:
    return Memo(reference_id=str(attempt.public_id), description=attempt.model_key)
