"""Every step at which the sweep kills, as data: what is called, by which program, and the story in which it is called.

A new step of the product is one more row here: `Step(label, program, "module:function", ...)`. Nothing in the product knows of it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Program = Literal["api", "worker"]


class Edge(StrEnum):
    """Where at a step the process dies. The last two are those of the transaction that the step took part in."""

    BEFORE = "before"
    AFTER = "after"
    COMMIT = "before its commit"
    COMMITTED = "after its commit"


class Story(StrEnum):
    """What happens in the round, so that the step is called."""

    ORDERS = "orders"
    FAILING = "orders that the provider fails"
    BUSY = "orders that the provider has no room for at first"
    REFUSED = "orders that the provider refuses"
    LOST = "orders whose answer is lost"
    SILENT = "orders whose answer and webhook are lost"
    CANCEL = "orders that are taken back"
    OVERDUE = "orders past their deadline whose jobs are gone"
    FORGOTTEN = "orders whose jobs are gone"


@dataclass(frozen=True)
class Step:
    """One step: `calls` is how often a round surely calls it; `is_sync` the mode it needs, None when it is called in both."""

    label: str
    program: Program
    target: str
    story: Story = Story.ORDERS
    edges: tuple[Edge, ...] = (Edge.BEFORE, Edge.AFTER)
    calls: int = 2
    is_sync: bool | None = None


_GENERATIONS = "app.domain.generations"
_IN_TRANSACTION = tuple(Edge)
_BEFORE = (Edge.BEFORE,)


def _submit(label: str, target: str, edges: tuple[Edge, ...] = (Edge.BEFORE, Edge.AFTER), calls: int = 3) -> Step:
    return Step(f"submit: {label}", "api", target, edges=edges, calls=calls)


def _apply(label: str, target: str, story: Story, *, calls: int = 2) -> Step:
    return Step(label, "worker", target, story, _IN_TRANSACTION, calls)


STEPS = (
    _submit("the order", f"{_GENERATIONS}.ordering:submit", _IN_TRANSACTION),
    _submit("at once", f"{_GENERATIONS}.order_queries:insert_order_at_once"),
    # In steps go newcomers, and who sends a picture: one of them pays.
    _submit("the user", "app.domain.users.service:ensure_id"),
    _submit("the user's lock", f"{_GENERATIONS}.queries:lock_user"),
    _submit("the idempotency key", "app.domain.idempotency.service:begin"),
    _submit("the trial", "app.domain.trial.service:redeem", calls=2),
    _submit("the hold", "app.domain.ledger.service:hold", _IN_TRANSACTION, calls=1),
    _submit("the order's rows", f"{_GENERATIONS}.order_queries:insert_order"),
    _submit("the job", "app.queue.enqueue:enqueue"),
    _submit("the answer to repeat", "app.domain.idempotency.service:finish"),
    Step("cancel: the end", "api", f"{_GENERATIONS}.settlement:cancel", Story.CANCEL, _IN_TRANSACTION),
    Step("queue: jobs are taken", "worker", "app.queue.taking:PatientQueries.dequeue", edges=(Edge.AFTER,), calls=1),
    Step("queue: jobs have ended", "worker", "app.queue.taking:PatientQueries.log_jobs", calls=1),
    Step("queue: a job is put back", "worker", "app.queue.taking:PatientQueries.retry_job", Story.BUSY, calls=1),
    Step("job: taken", "worker", f"{_GENERATIONS}.jobs:generate"),
    Step("claim", "worker", f"{_GENERATIONS}.attempts:claim", edges=_IN_TRANSACTION, calls=3),
    Step("claim: may be sent", "worker", f"{_GENERATIONS}.attempt_queries:mark_sent", calls=3),
    Step("post", "worker", "app.provider.client:ProviderClient.submit", calls=3),
    Step("post: the answer begins", "worker", "app.provider.client:_read_submit", edges=_BEFORE, calls=3),
    Step("post: the answer is lost", "worker", "app.provider.client:ProviderClient.submit", Story.LOST, _BEFORE, 3),
    Step("read", "worker", "app.provider.client:ProviderClient.read", is_sync=False),
    _apply("apply: the task", f"{_GENERATIONS}.attempts:accept", Story.ORDERS),
    Step("apply: the task's id", "worker", f"{_GENERATIONS}.attempt_queries:mark_submitted", is_sync=False),
    _apply("apply: no room", f"{_GENERATIONS}.attempts:postpone", Story.BUSY),
    Step("apply: the next attempt", "worker", f"{_GENERATIONS}.attempt_queries:insert_next_attempt", Story.BUSY),
    _apply("apply: refused", f"{_GENERATIONS}.attempts:refuse", Story.REFUSED),
    _apply("apply: lost", f"{_GENERATIONS}.attempts:lose", Story.LOST),
    Step("apply: the breaker", "worker", "app.domain.supply.service:note", Story.LOST, _IN_TRANSACTION, 2),
    _apply("settle", f"{_GENERATIONS}.settlement:settle", Story.ORDERS),
    Step("settle: the pictures", "worker", f"{_GENERATIONS}.attempt_queries:mark_completed"),
    _apply("settle: the capture", "app.domain.ledger.service:capture", Story.ORDERS),
    _apply("settle: the trial", "app.domain.trial.service:confirm", Story.ORDERS, calls=1),
    _apply("settle: the failure", f"{_GENERATIONS}.settlement:fail", Story.FAILING),
    _apply("settle: the release", "app.domain.ledger.service:release", Story.FAILING, calls=1),
    _apply("settle: the trial back", "app.domain.trial.service:restore", Story.FAILING, calls=1),
    Step("webhook", "api", f"{_GENERATIONS}.callbacks:receive", is_sync=False),
    Step("webhook: the wake", "api", "app.queue.enqueue:wake", edges=_IN_TRANSACTION, is_sync=False),
    Step(
        "webhook: the lost task", "api", f"{_GENERATIONS}.attempt_queries:bind_task", Story.LOST, _IN_TRANSACTION, 1, is_sync=False
    ),
    Step("reconcile: the history", "worker", "app.provider.client:ProviderClient.list_history", Story.SILENT, calls=1),
    _apply("reconcile: the lock", f"{_GENERATIONS}.lost_queries:try_lock", Story.SILENT, calls=1),
    _apply("reconcile: the task", f"{_GENERATIONS}.lost_queries:bind_tasks", Story.SILENT, calls=1),
    _apply("reconcile: the next look", f"{_GENERATIONS}.lost_queries:mark_looked", Story.SILENT, calls=1),
    Step("reap: the sweep", "worker", f"{_GENERATIONS}.reaper:sweep", Story.OVERDUE, calls=1),
    Step("reap: the overdue", "worker", f"{_GENERATIONS}.reaper_queries:list_overdue_ids", Story.OVERDUE, calls=1),
    _apply("reap: the end", f"{_GENERATIONS}.attempts:expire", Story.OVERDUE, calls=3),
    Step("reap: lost jobs", "worker", "app.queue.enqueue:list_missing", Story.FORGOTTEN, calls=1),
    _apply("reap: the job again", "app.queue.enqueue:enqueue", Story.FORGOTTEN, calls=3),
)
