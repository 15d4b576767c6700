"""Queued work of generations: load, call, apply. The provider is called between two short transactions, never inside one.

claim ──ready──────▶ POST ──task───▶ submitted ──▶ poll ──▶ settled
  │                   ├──busy──────▶ ready again (next attempt), growing delay
  │                   ├──refused───▶ failed + release
  │                   └──lost──────▶ unknown: waits for its webhook, the history or the deadline, is never sent again
  ├─submitted──▶ poll
  └─unknown────▶ waits
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from app.core import clock
from app.core.errors import ServiceUnavailableError
from app.core.logging import bind, get_logger
from app.db.notifications import Notifications
from app.domain.generations import attempts, settlement
from app.domain.generations.attempts import Claim
from app.domain.generations.reaper import sweep
from app.domain.generations.reconciliation import reconcile
from app.domain.generations.retention import forget
from app.domain.generations.rules import AttemptState, FailureCode, refusal_delay_s
from app.domain.generations.schemas import Attempt
from app.domain.supply import service as supply
from app.domain.supply.jobs import watch_balance
from app.provider.client import ProviderClient
from app.provider.errors import BusyError, ProviderError, RefusedError, TaskGoneError, UnknownError
from app.provider.health import Trouble, trouble_of
from app.provider.wire import Order, Task, TaskState
from app.queue.enqueue import GENERATE, WAKE_CHANNEL
from app.queue.worker import QueueJob, RunAgainError, ScheduledJob
from app.resources import Resources

APPLY_TIMEOUT_S = 120.0
APPLY_DELAY_MIN_S = 0.1
APPLY_DELAY_MAX_S = 5.0
STOP_GRACE_S = 1.5
POLL_GROWTH = 1.25
POLL_INTERVAL_MAX_S = 10.0
UNKNOWN_INTERVAL_S = 30.0
GONE_POLLS_MAX = 5

_log = get_logger(__name__)


def wire_jobs(resources: Resources) -> tuple[list[QueueJob], list[ScheduledJob]]:
    """The jobs of this room, bound to the process's resources."""
    slots = resources.settings.wavespeed_max_concurrency
    wakes = Notifications(resources.settings.database_dsn or "", (WAKE_CHANNEL,))
    return (
        [QueueJob(GENERATE, partial(generate, resources, wakes=wakes), slots=slots, wakes=wakes)],
        [
            ScheduledJob("reconcile", "* * * * * */5", partial(reconcile, resources)),
            ScheduledJob("sweep", "* * * * * */10", partial(sweep, resources)),
            ScheduledJob("forget", "37 * * * *", partial(forget, resources)),
        ],
    )


@dataclass(frozen=True)
class _Run:
    """One run of one generation's job: what it works with, and when (monotonic) it began and the generation's deadline is.

    `woken` is set when somebody knows that there is news at the provider (callbacks.py).
    """

    resources: Resources
    provider: ProviderClient
    stopping: asyncio.Event
    woken: asyncio.Event
    began_at_s: float
    ends_at_s: float

    @property
    def seconds_left(self) -> float:
        return self.ends_at_s - clock.monotonic_s()


async def generate(
    resources: Resources, generation_id: int, stopping: asyncio.Event, *, wakes: Notifications | None = None
) -> None:
    """Bring one generation to its end, as far as can be known now. Raises RunAgainError when it has to be looked at later."""
    with ExitStack() as stack:
        # Heard from before the claim, so that a wake during the POST is not lost.
        woken = stack.enter_context(wakes.waiter(WAKE_CHANNEL, str(generation_id))) if wakes else asyncio.Event()
        await _generate(resources, generation_id, stopping, woken)


async def _generate(resources: Resources, generation_id: int, stopping: asyncio.Event, woken: asyncio.Event) -> None:
    if resources.provider is None:
        _log.error("provider_not_configured", effect="queued generations wait; set WAVESPEED_API_KEY for the worker")
        raise RunAgainError(10.0)
    if stopping.is_set():
        raise RunAgainError
    began_at_s = clock.monotonic_s()
    async with resources.transaction() as session:
        claim = await attempts.claim(
            session,
            generation_id,
            is_sync=resources.settings.wavespeed_sync_mode,
            webhook_base_url=resources.settings.webhook_base_url,
            standing=await supply.recall(resources, session),
        )
    if claim is None:
        return
    attempt = claim.attempt
    if claim.permit.wait_s is not None:
        raise RunAgainError
    run = _Run(resources, resources.provider, stopping, woken, began_at_s, clock.monotonic_s() + attempt.seconds_left)
    with bind(request_id=attempt.request_id, generation_id=generation_id, attempt=attempt.attempt_no):
        if claim.order is not None:
            await _send(run, claim, claim.order)
        elif attempt.provider_job_id is not None:
            woken.set()  # it may have ended while nobody looked
            await _poll(run, attempt, attempt.provider_job_id)
        else:
            raise _look_later(run)


async def _send(run: _Run, claim: Claim, order: Order) -> None:
    """POST once, write down what is known afterwards, and follow the task if there is one."""
    attempt, started_s = claim.attempt, clock.monotonic_s()
    late_s = started_s - run.began_at_s
    if late_s >= run.resources.settings.worker_lease_seconds:
        # This process stood still since the claim. Another worker may count the attempt as lost: nothing is sent any more.
        _log.warning("lease_over_before_sending", late_s=round(late_s, 1))
        await _apply(run, partial(attempts.postpone, attempt=attempt, reason="its worker stood still before sending it"))
        raise RunAgainError
    try:
        task = await _submit_unless_stopped(run, order)
    except BusyError as error:
        await _apply(run, partial(attempts.postpone, attempt=attempt, reason=error.reason))
        await _note_trouble(run, claim, order, error, started_s)
        raise RunAgainError(refusal_delay_s(attempt.attempt_no, error.retry_after_s)) from error
    except RefusedError as error:
        await _apply(run, partial(attempts.refuse, attempt=attempt, reason=error.reason))
        await _note_trouble(run, claim, order, error, started_s)
        return
    except UnknownError as error:
        _log.warning("attempt_unknown", reason=error.reason)
        await _apply(run, partial(attempts.lose, attempt=attempt, reason=error.reason))
        await _note_trouble(run, claim, order, error, started_s)
        raise _look_later(run) from error
    if not await _apply(run, partial(attempts.accept, attempt=attempt, task=task)):
        _log.warning("attempt_taken_over", provider_job_id=task.id)
        # Not the end of the queue's job: whoever owns the attempt now, or the next run, follows the task.
        raise RunAgainError
    await _note_worked(run, claim)
    if task.state is TaskState.PENDING:
        await _poll(run, replace(attempt, state=AttemptState.SUBMITTED, provider_job_id=task.id), task.id)


async def _submit_unless_stopped(run: _Run, order: Order) -> Task:
    """The POST, given a few seconds more when the worker is being stopped; then its outcome is unknown."""
    async with asyncio.TaskGroup() as group:
        post = group.create_task(_outcome_of(run.provider.submit(order)))
        stop = group.create_task(run.stopping.wait())
        await asyncio.wait({post, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not post.done():
            await asyncio.wait({post}, timeout=STOP_GRACE_S)
        stop.cancel()
        if not post.done():
            post.cancel()
    if post.cancelled():
        raise UnknownError("the worker was stopped while the provider was working")
    outcome = post.result()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def _outcome_of(call: Awaitable[Task]) -> Task | Exception:
    # As a value: a failing POST must not cancel its task group, nor reach us wrapped in an exception group.
    try:
        return await call
    except (BusyError, RefusedError, UnknownError) as error:
        return error


async def _note_trouble(run: _Run, claim: Claim, order: Order, error: ProviderError, started_s: float) -> None:
    """Tell all processes what this failure says of the provider; after what it says of the attempt was written down."""
    is_sync, held_s = "enable_sync_mode" in order.body, clock.monotonic_s() - started_s
    trouble = trouble_of(error, is_sync=is_sync, held_s=held_s)
    if trouble is None or run.stopping.is_set():  # a POST that we cut short says nothing of the provider
        return
    has_opened = await _note(run, trouble, probe=claim.permit.probe, detail=error.reason)
    if has_opened and trouble is Trouble.OUT_OF_CREDIT:
        await watch_balance(run.resources)


async def _note_worked(run: _Run, claim: Claim) -> None:
    async with run.resources.reading() as session:
        breaker = (await supply.recall(run.resources, session)).breaker
    if breaker.failures or breaker.is_open:
        await _note(run, None, probe=claim.permit.probe, detail="")


async def _note(run: _Run, trouble: Trouble | None, *, probe: int | None, detail: str) -> bool:
    async with run.resources.transaction() as session:
        has_opened = await supply.note(session, run.resources.settings, trouble, probe=probe, detail=detail)
    supply.forget(run.resources)
    return has_opened


def _look_later(run: _Run) -> RunAgainError:
    """Of an unknown attempt: at once if its webhook has come meanwhile, else soon, in case the wake was lost on its way."""
    return RunAgainError(0.0 if run.woken.is_set() else min(run.seconds_left + 0.1, UNKNOWN_INTERVAL_S))


async def _poll(run: _Run, attempt: Attempt, task_id: str) -> None:
    """Ask for the task with growing pauses, and whenever woken, until it has ended, the deadline has come or we are stopped."""
    interval_s, gone = run.resources.settings.wavespeed_poll_interval_seconds, 0
    while run.seconds_left > 0:
        is_woken = await _pause(run, min(interval_s, run.seconds_left))
        if run.stopping.is_set():
            break
        interval_s = min(interval_s * POLL_GROWTH, POLL_INTERVAL_MAX_S)
        try:
            task = await run.provider.read(task_id)
        except TaskGoneError as error:
            # A task may not be readable in its first moments; one that stays unknown was deleted.
            # Not by many wakes at once, though: only time tells.
            gone += not is_woken
            if gone >= GONE_POLLS_MAX:
                lost = partial(settlement.fail, attempt=attempt, code=FailureCode.PROVIDER_LOST, reason=error.reason)
                await _apply(run, lost)
                return
        except BusyError as error:
            _log.info("poll_without_answer", reason=error.reason)
        else:
            gone = 0
            if task.state is not TaskState.PENDING:
                await _apply(run, partial(attempts.end, attempt=attempt, task=task))
                if task.is_out_of_credit:
                    await _note(run, Trouble.OUT_OF_CREDIT, probe=None, detail=task.error)
                    raise RunAgainError(refusal_delay_s(attempt.attempt_no, None))
                return
    raise RunAgainError


async def _pause(run: _Run, seconds: float) -> bool:
    """Wait so long, or until woken or stopped; whether woken."""
    if not run.woken.is_set():
        async with asyncio.TaskGroup() as group:
            waits = {group.create_task(run.woken.wait()), group.create_task(run.stopping.wait())}
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
    is_woken = run.woken.is_set()
    run.woken.clear()
    return is_woken


async def _apply(run: _Run, write: Callable[..., Awaitable[bool]]) -> bool:
    """Write down what the provider said, in one transaction. What it said cannot be asked for again, so a database that is away
    is waited for, unless we are being stopped; the epoch makes a late write harmless.
    """
    give_up_s, delay_s = clock.monotonic_s() + APPLY_TIMEOUT_S, APPLY_DELAY_MIN_S
    while True:
        # A worker whose database ends together with it must end too: this try is the last one then.
        is_last = run.stopping.is_set() or clock.monotonic_s() > give_up_s
        try:
            async with run.resources.transaction() as session:
                return await write(session)
        except ServiceUnavailableError:
            if is_last:
                raise
        await _is_stopped_within(run.stopping, delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads waiters, guards nothing
        delay_s = min(delay_s * 2, APPLY_DELAY_MAX_S)


async def _is_stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True
