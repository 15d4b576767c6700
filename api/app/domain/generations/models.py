"""Tables of generations: the request, its references, results and events, and one row of `generation_jobs` per provider attempt."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, SmallInteger, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity
from app.domain.generations.rules import ACTIVE_STATUSES, LIVE_STATES, AttemptState, Status


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class GenerationRequest(Base):
    """What a user asked for and what became of it. Paid by a hold or by a trial: exactly one of them."""

    __tablename__ = "generation_requests"
    __table_args__ = (
        CheckConstraint(_in("status", tuple(Status)), name="status_known"),
        CheckConstraint("num_nonnulls(hold_id, trial_use_id) = 1", name="paid_once"),
        CheckConstraint("(trial_use_id IS NOT NULL) = (cost = 0)", name="trial_costs_nothing"),
        CheckConstraint(f"({_in('status', ACTIVE_STATUSES)}) = (completed_at IS NULL)", name="final_has_time"),
        CheckConstraint("(status = 'failed') = (error_code IS NOT NULL)", name="failed_has_code"),
        CheckConstraint("char_length(prompt) BETWEEN 1 AND 4000", name="prompt_length"),
        Index(
            "uq_generation_requests_user_id_active",
            "user_id",
            unique=True,
            postgresql_where=_in("status", ACTIVE_STATUSES),
        ),
        Index("ix_generation_requests_queued", "id", postgresql_where="status = 'queued'"),
        Index("ix_generation_requests_deadline_at_active", "deadline_at", postgresql_where=_in("status", ACTIVE_STATUSES)),
        Index("ix_generation_requests_user_id_id", "user_id", "id"),
        *(
            Index(f"ix_generation_requests_{column}", column, postgresql_using="brin", postgresql_with={"autosummarize": "on"})
            for column in ("created_at", "completed_at")
        ),
    )

    id: Mapped[int] = identity()
    public_id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    model_id: Mapped[int] = mapped_column(ForeignKey("model_catalog.id"))
    prompt: Mapped[str]
    status: Mapped[str]
    size: Mapped[str | None]
    aspect_ratio: Mapped[str | None]
    resolution: Mapped[str | None]
    input_params: Mapped[dict[str, Any]]
    client_context: Mapped[dict[str, Any] | None]
    references_count: Mapped[int] = mapped_column(SmallInteger)
    cost: Mapped[int]
    hold_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_transfers.id"), unique=True)
    trial_use_id: Mapped[int | None] = mapped_column(ForeignKey("trial_uses.id"), unique=True)
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    request_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deadline_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class GenerationReference(Base):
    """One reference image, in the order given; `file_id` is Telegram's name for the same picture."""

    __tablename__ = "generation_references"
    __table_args__ = (UniqueConstraint("generation_id", "position"),)

    id: Mapped[int] = identity()
    generation_id: Mapped[int] = mapped_column(ForeignKey("generation_requests.id"))
    position: Mapped[int] = mapped_column(SmallInteger)
    url: Mapped[str | None]
    file_id: Mapped[str | None]


class GenerationResult(Base):
    """One picture, in the provider's order."""

    __tablename__ = "generation_results"
    __table_args__ = (UniqueConstraint("generation_id", "position"),)

    id: Mapped[int] = identity()
    generation_id: Mapped[int] = mapped_column(ForeignKey("generation_requests.id"))
    position: Mapped[int] = mapped_column(SmallInteger)
    url: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GenerationJob(Base):
    """One attempt at the provider. `epoch` rises with each claim; a write that names an older one changes nothing.

    `sent_path` and `sent_body` are what was sent, stored with the claim: settings and options may change before the provider's
    history is compared with it. `look_again_at` is when the provider is asked next about an attempt whose answer was lost.
    """

    __tablename__ = "generation_jobs"
    __table_args__ = (
        CheckConstraint(_in("state", tuple(AttemptState)), name="state_known"),
        CheckConstraint("state <> 'submitted' OR provider_job_id IS NOT NULL", name="submitted_has_id"),
        CheckConstraint("state <> 'ready' OR (provider_job_id IS NULL AND submitted_at IS NULL)", name="ready_is_unsent"),
        UniqueConstraint("generation_id", "attempt_no"),
        UniqueConstraint("provider", "provider_job_id"),
        Index(
            "uq_generation_jobs_generation_id_live",
            "generation_id",
            unique=True,
            postgresql_where=_in("state", LIVE_STATES),
        ),
        Index("ix_generation_jobs_look_again_at", "look_again_at", postgresql_where="look_again_at IS NOT NULL"),
        Index("ix_generation_jobs_answered_model", "id", postgresql_where="answered_model IS NOT NULL"),
    )

    id: Mapped[int] = identity()
    generation_id: Mapped[int] = mapped_column(ForeignKey("generation_requests.id"))
    attempt_no: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    token: Mapped[UUID] = mapped_column(unique=True)
    epoch: Mapped[int] = mapped_column(server_default="0")
    provider: Mapped[str]
    provider_job_id: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    submitted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    sent_path: Mapped[str | None]
    sent_body: Mapped[dict[str, Any] | None]
    answered_model: Mapped[str | None]
    lost_at: Mapped[datetime | None]
    look_again_at: Mapped[datetime | None]


class GenerationOrphan(Base):
    """A task that turned up when its generation had failed already: the operator paid for it, its customer did not.

    `cost_usd` is null where the provider did not say.
    """

    __tablename__ = "generation_orphans"
    __table_args__ = (UniqueConstraint("provider", "provider_job_id"),)

    id: Mapped[int] = identity()
    attempt_id: Mapped[int] = mapped_column(ForeignKey("generation_jobs.id"), unique=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generation_requests.id"))
    provider: Mapped[str]
    provider_job_id: Mapped[str]
    status: Mapped[str]
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    noted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DatabaseIdentity(Base):
    """Which database this was at the last start: one row. Another identity at the next start means that it was restored."""

    __tablename__ = "database_identity"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    identity: Mapped[str]
    noted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GenerationEvent(Base):
    """A generation reached `status`; written by a trigger in the transaction that changed it.

    `id` is handed out before its transaction commits, so ids become visible out of order, and a reader that went by them would skip
    the late ones. `position` is given afterwards, by one sequencer at a time and only to what has committed: the order of the feed.
    """

    __tablename__ = "generation_events"
    __table_args__ = (
        Index("ix_generation_events_generation_id_id", "generation_id", "id"),
        Index("ix_generation_events_unsequenced", "id", postgresql_where="position IS NULL"),
    )

    id: Mapped[int] = identity()
    generation_id: Mapped[int] = mapped_column(ForeignKey("generation_requests.id"))
    status: Mapped[str]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    position: Mapped[int | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
