"""The life of an attempt between ready and ended, as a worker moves it. Each function is one short transaction's work.

A claim raises the attempt's epoch; later writes of that claim name it (attempt_queries.mark_attempt). A worker that was frozen
while another one claimed the attempt finds no row at its epoch: it stops and touches nothing.
"""

import random
from dataclasses import dataclass, replace

import uuid_utils.compat as uuid
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.core.model_options import MODEL_OPTIONS
from app.domain.generations import attempt_queries, settlement
from app.domain.generations.rules import PROVIDER, AttemptState, FailureCode
from app.domain.generations.schemas import Attempt
from app.domain.supply import service as supply
from app.domain.supply.service import FREE_PASS, Pass
from app.provider.health import Standing
from app.provider.wire import Order, Task, TaskState, build_order
from app.queue.enqueue import GENERATE, rest

_log = get_logger(__name__)


@dataclass(frozen=True)
class Claim:
    """A claimed attempt. `order` is set exactly when this claim, and no other one ever, may send it.

    With `permit.wait_s` nothing was claimed: the provider is known to be ill, the attempt waits as it is, and its job will rest.
    """

    attempt: Attempt
    order: Order | None
    permit: Pass = FREE_PASS


async def claim(
    session: AsyncSession,
    generation_id: int,
    *,
    is_sync: bool,
    webhook_base_url: str | None = None,
    standing: Standing | None = None,
) -> Claim | None:
    """Take the generation's live attempt; None when there is nothing left to do for it. With `standing`, the provider's health as
    its caller knows it, an attempt is not sent to a provider that is known to be ill.

    Committing the result of this function is what allows the POST: an attempt found `submitting` was claimed by a worker that
    never told the end, so its outcome is unknown and it is not sent again.
    """
    attempt = await attempt_queries.lock_live_attempt(session, generation_id)
    if attempt is None:
        return None
    if attempt.seconds_left <= 0:
        await _expire(session, attempt)
        return None
    if attempt.state is AttemptState.READY:
        permit = await supply.admit_attempt(session, standing) if standing else FREE_PASS
        if permit.wait_s is not None:
            # Spread a little, so that all who wait for the next probe do not ask in one moment.
            wait_s = permit.wait_s + random.uniform(0.0, 1.0)  # noqa: S311 - guards nothing
            await rest(session, GENERATE, generation_id, delay_s=min(wait_s, attempt.seconds_left + 0.1))
            return Claim(attempt, None, permit)
        return await _claim_ready(session, attempt, permit, is_sync=is_sync, webhook_base_url=webhook_base_url)
    # Without its worker's word, the id is known only if the webhook brought it.
    state = AttemptState.SUBMITTED if attempt.provider_job_id is not None else AttemptState.UNKNOWN
    await attempt_queries.mark_attempt(session, attempt, state, next_epoch=True)
    if state is AttemptState.UNKNOWN and attempt.state is not state:
        _log.warning("attempt_unknown", generation_id=generation_id, reason="its worker ended between POST and answer")
    return Claim(replace(attempt, state=state, epoch=attempt.epoch + 1), None)


async def expire(session: AsyncSession, generation_id: int) -> bool:
    """End a generation whose deadline has passed, whatever its attempt's state; False when there is nothing to end."""
    attempt = await attempt_queries.lock_live_attempt(session, generation_id)
    if attempt is None or attempt.seconds_left > 0:
        return False
    return await _expire(session, attempt)


async def accept(session: AsyncSession, attempt: Attempt, task: Task) -> bool:
    """The provider has the task: remember its id, and end the generation if it has ended already. False: not ours any more.

    False as well when the reconciler was quicker and gave the task to another attempt that had sent the same: then this one is
    unknown, and gets a task of its input in its turn.
    """
    has_picture = task.state is TaskState.COMPLETED and bool(task.outputs)
    # With a picture, the id and the end are written down at once.
    if has_picture:
        is_ours = await settlement.settle(session, attempt, task)
    else:
        is_ours = await attempt_queries.mark_submitted(session, attempt, task.id, model=task.model)
    if is_ours:
        if not has_picture and task.state is not TaskState.PENDING:
            await end(session, replace(attempt, state=AttemptState.SUBMITTED, provider_job_id=task.id), task)
        return True
    if await attempt_queries.is_taken(session, attempt, task.id):
        _log.warning("task_of_another_attempt", generation_id=attempt.generation_id, provider_job_id=task.id)
        await lose(session, attempt, reason=f"its task {task.id} was given to another attempt of the same input")
        return False
    # Somebody else owns it now: touch nothing. True only when it was this very claim whose first commit got no answer.
    return await attempt_queries.is_bound(session, attempt, task.id)


async def end(session: AsyncSession, attempt: Attempt, task: Task) -> bool:
    """The attempt's task has ended, and the generation with it; only one that our empty account refused is followed by another try.

    False: not ours any more.
    """
    if task.is_out_of_credit:
        return await postpone(session, attempt, reason=f"{task.code}: {task.error}")
    return await settlement.settle(session, attempt, task)


async def postpone(session: AsyncSession, attempt: Attempt, *, reason: str) -> bool:
    """The provider surely did not take it: this attempt is over, the next one waits. False: not ours any more."""
    if not await attempt_queries.mark_attempt(session, attempt, AttemptState.REFUSED, error=reason[:1000]):
        return False
    await attempt_queries.insert_next_attempt(session, attempt, uuid.uuid7(), PROVIDER)
    await attempt_queries.mark_queued(session, attempt.generation_id)
    return True


async def lose(session: AsyncSession, attempt: Attempt, *, reason: str) -> bool:
    """The answer was lost: it may or may not exist at the provider. False: not ours any more."""
    return await attempt_queries.mark_attempt(session, attempt, AttemptState.UNKNOWN, error=reason[:1000])


async def refuse(session: AsyncSession, attempt: Attempt, *, reason: str) -> bool:
    """The provider refused it for good: the generation fails, everything is given back. False: not ours any more."""
    return await settlement.fail(session, attempt, FailureCode.PROVIDER_REFUSED, reason=reason, state=AttemptState.REFUSED)


async def _expire(session: AsyncSession, attempt: Attempt) -> bool:
    reason = f"{attempt.state} at the deadline"
    return await settlement.fail(session, attempt, FailureCode.DEADLINE_EXCEEDED, reason=reason, state=AttemptState.EXPIRED)


async def _claim_ready(
    session: AsyncSession, attempt: Attempt, permit: Pass, *, is_sync: bool, webhook_base_url: str | None
) -> Claim:
    order = build_order(
        MODEL_OPTIONS[attempt.model_key],
        prompt=attempt.prompt,
        size=attempt.size,
        aspect_ratio=attempt.aspect_ratio,
        resolution=attempt.resolution,
        reference_urls=attempt.reference_urls,
        is_sync=is_sync,
    )
    claimed = await attempt_queries.mark_sent(session, attempt, path=order.path, body=order.body)
    if webhook_base_url is not None:
        order = replace(order, webhook_url=f"{webhook_base_url}/{attempt.token}")
    return Claim(claimed, order, permit)
