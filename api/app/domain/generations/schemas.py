"""Generations as the outside sends and sees them, and the values the rooms hand to each other."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from app.domain.generations.rules import AttemptState, Status
from app.domain.users.schemas import TelegramId
from app.schemas.numbers import NUMBER_MAX, WHOLE
from app.schemas.text import NO_NUL, CleanText

CLIENT_CONTEXT_MAX_BYTES = 2048
CLIENT_CONTEXT_MAX_DEPTH = 32
REFERENCES_MAX = 14

Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), NO_NUL]
ReferenceUrl = Annotated[CleanText, StringConstraints(min_length=1, max_length=2048)]
FileId = Annotated[CleanText, StringConstraints(min_length=1, max_length=512)]


def _or_null(schema: dict[str, Any]) -> None:
    array = {name: schema.pop(name) for name in ("type", "items", "maxItems")}
    schema["anyOf"] = [array, {"type": "null"}]


class GenerationSubmit(BaseModel):
    """An order for one picture. null means the same as a field left out."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId
    model_id: Annotated[int, Field(strict=True, ge=1, lt=NUMBER_MAX, examples=[1]), WHOLE]
    prompt: Prompt = Field(examples=["a watercolour of Samarkand at dawn"])
    size: str | None = Field(default=None, max_length=20, examples=["1024*1024"])
    aspect_ratio: str | None = Field(default=None, max_length=20, examples=[None])
    resolution: str | None = Field(default=None, max_length=20, examples=[None])
    reference_urls: list[ReferenceUrl] = Field(
        default_factory=list, max_length=REFERENCES_MAX, examples=[[]], json_schema_extra=_or_null
    )
    reference_file_ids: list[FileId] = Field(
        default_factory=list, max_length=REFERENCES_MAX, examples=[[]], json_schema_extra=_or_null
    )
    max_price: Annotated[int, Field(strict=True, ge=0, lt=NUMBER_MAX), WHOLE] | None = Field(default=None, examples=[1])
    client_context: dict[str, Any] | None = Field(default=None, examples=[{"chat_id": 1001, "message_id": 7}])

    @field_validator("reference_urls", "reference_file_ids", mode="before")
    @classmethod
    def _null_is_none_given(cls, value: object) -> object:
        return [] if value is None else value

    @field_validator("client_context")
    @classmethod
    def _check_context(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is None:
            return None
        if not _is_within(value, CLIENT_CONTEXT_MAX_DEPTH):
            msg = f"is at most {CLIENT_CONTEXT_MAX_DEPTH} levels deep"
            raise ValueError(msg)
        # Half a surrogate pair fails to encode here; PostgreSQL would refuse it, and NUL, in jsonb.
        encoded = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if len(encoded.encode()) > CLIENT_CONTEXT_MAX_BYTES or "\\u0000" in encoded.replace(r"\\", ""):
            msg = f"is at most {CLIENT_CONTEXT_MAX_BYTES} bytes of JSON without NUL characters"
            raise ValueError(msg)
        return value


def _is_within(value: object, depth: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth >= 0 and all(_is_within(item, depth - 1) for item in inside)


class GenerationOwner(BaseModel):
    """Whose generation it is."""

    model_config = ConfigDict(extra="forbid")

    telegram_id: TelegramId


class GenerationRead(BaseModel):
    """A generation as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    public_id: UUID
    user_id: int
    model_id: int
    model_key: str
    prompt: str
    status: Status
    size: str | None
    aspect_ratio: str | None
    resolution: str | None
    style: None = None
    input_params: dict[str, Any]
    references_count: int
    cost: int
    trial_used: bool
    client_context: dict[str, Any] | None
    queue_position: int | None = Field(description="The place in line while it is queued; 201: more than 200 are before it")
    error_code: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class FeedRead(GenerationRead):
    """A generation in the feed of all users, with its owner's Telegram id."""

    telegram_id: int


class SubmitRead(BaseModel):
    """What a submit answers: the generation, its first attempt, and whether it was free."""

    request: GenerationRead
    job_id: int
    provider_job_id: str | None
    trial_used: bool


class ActiveRead(BaseModel):
    """The user's running generation, or nulls."""

    has_active: bool
    request_id: int | None = None
    public_id: UUID | None = None
    status: Literal[Status.QUEUED, Status.RUNNING] | None = None
    queue_position: int | None = None


@dataclass(frozen=True)
class Active:
    """The generation that keeps a user from starting another one."""

    id: int
    public_id: UUID
    status: Status


@dataclass(frozen=True)
class Bars:
    """What keeps a user from ordering now: a ban, a generation that runs."""

    is_banned: bool
    running: Active | None


@dataclass(frozen=True)
class Ended:
    """A generation that has ended, with what somebody needs to tell its user of it."""

    generation: GenerationRead
    telegram_id: int
    language_code: str | None
    results: list[str]


@dataclass(frozen=True)
class Attempt:
    """An attempt locked together with its generation: everything that a decision about it needs."""

    id: int
    generation_id: int
    attempt_no: int
    state: AttemptState
    epoch: int
    token: UUID
    provider_job_id: str | None
    status: Status
    request_id: str
    model_key: str
    prompt: str
    size: str | None
    aspect_ratio: str | None
    resolution: str | None
    hold_id: int | None
    trial_use_id: int | None
    public_id: UUID
    seconds_left: float
    reference_urls: list[str]
