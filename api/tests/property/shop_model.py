"""What the shop must say and do, as plain Python: people, their one generation each, every attempt there was; and a provider."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from app.domain.generations import schemas
from app.provider.wire import Task, TaskState

PRICE = 1
LIVE = frozenset({"ready", "submitting", "submitted", "unknown"})

End = Literal["completed", "failed", "cancelled"]


@dataclass
class Attempt:
    """An attempt's row."""

    id: int
    token: UUID
    state: str = "ready"
    epoch: int = 0
    task: str | None = None


@dataclass
class Generation:
    """A generation's row and its attempts, the newest last."""

    id: int
    is_trial: bool
    attempts: list[Attempt]
    status: str = "queued"
    is_overdue: bool = False

    @property
    def live(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts[-1].state in LIVE else None


@dataclass
class Person:
    """Somebody's credits, free generation and generations."""

    telegram_id: int
    balance: int
    has_trial: bool = True
    generations: list[Generation] = field(default_factory=list)

    @property
    def running(self) -> Generation | None:
        last = self.generations[-1] if self.generations else None
        return last if last and last.status in {"queued", "running"} else None

    @property
    def is_waiting(self) -> bool:
        return self.running is not None and self.running.attempts[-1].state == "ready"

    @property
    def held(self) -> int:
        return PRICE if self.running and not self.running.is_trial else 0

    def refusal(self) -> str | None:
        """Why an order is refused now, or None."""
        if self.running:
            return "active_generation"
        return None if self.has_trial or self.balance >= PRICE else "insufficient_credits"

    def order(self, generation_id: int, attempt: Attempt) -> None:
        """An order was accepted: the free generation goes first."""
        self.generations.append(Generation(generation_id, self.has_trial, [attempt]))
        self.balance -= 0 if self.has_trial else PRICE
        self.has_trial = False

    def end(self, state: str, status: End) -> None:
        """The running generation ends, its attempt in `state`; what was held goes its way."""
        generation = self.running
        assert generation is not None
        generation.attempts[-1].state = state
        generation.status = status
        if status != "completed":
            self.has_trial |= generation.is_trial
            self.balance += 0 if generation.is_trial else PRICE

    def claim(self) -> str | None:
        """What a claim of the running generation makes of its attempt; None when there is nothing left to claim."""
        attempt = self.running.live if self.running else None
        if self.running is None or attempt is None:
            return None
        if self.running.is_overdue:
            self.end("expired", "failed")
            return None
        if attempt.state == "ready":
            attempt.state, self.running.status = "submitting", "running"
        else:
            attempt.state = "submitted" if attempt.task else "unknown"
        attempt.epoch += 1
        return attempt.state


@dataclass(frozen=True)
class Claim:
    """What a worker holds in its hands, however old it is: whose, the attempt as it saw it, and whether it may send."""

    person: int
    attempt: schemas.Attempt
    may_send: bool


def a_task(task_id: str, outcome: str) -> Task:
    """What the provider says: pending, picture, nothing (it completed without one) or failed."""
    state = {"pending": TaskState.PENDING, "failed": TaskState.FAILED}.get(outcome, TaskState.COMPLETED)
    urls = ("https://pictures.example/1.png",) if outcome == "picture" else ()
    return Task(id=task_id, state=state, status=state.value, outputs=urls, code=1200, error="")
