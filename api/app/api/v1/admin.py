"""What only an operator's key may do: credits, people, bans, the day."""

import re
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from app.api.problems import problems
from app.api.v1.users import TelegramIdPath
from app.deps.caller import AdminDep
from app.deps.idempotency import RequiredIdempotencyDep
from app.deps.session import ReadSessionDep, SessionDep
from app.domain.idempotency.errors import IdempotencyInFlightError, IdempotencyMismatchError
from app.domain.ledger import service as ledger
from app.domain.ledger.errors import AccountFrozenError, InsufficientCreditsError
from app.domain.ledger.schemas import CreditsGrant, CreditsRead
from app.domain.operators import service as operators
from app.domain.operators.rules import actor_of
from app.domain.operators.schemas import AdminUser, Ban, Totals, Unban
from app.domain.users.errors import UserNotFoundError

_GRANT = problems(InsufficientCreditsError, AccountFrozenError, IdempotencyInFlightError, IdempotencyMismatchError)
_NO_USER = problems(UserNotFoundError)

router = APIRouter(prefix="/api/v1/admin", tags=["admin"])

Username = Annotated[str, Query(pattern=r"^@?[A-Za-z0-9_]{1,64}$", description="In any case, with or without @", examples=["aziz"])]


def _only_a_day(value: object) -> object:
    """A number would be taken for a moment."""
    if isinstance(value, str) and not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        msg = "must be a day, as 2026-11-25"
        raise ValueError(msg)
    return value


Day = Annotated[date | None, Query(description="In UTC; today when left out"), BeforeValidator(_only_a_day)]


@router.post("/credits", summary="Give credits to a user, or take them back", responses=_GRANT)
async def grant(body: CreditsGrant, session: SessionDep, idempotency: RequiredIdempotencyDep, caller: AdminDep) -> CreditsRead:
    """Needs an Idempotency-Key: sent twice, it gives once. A negative amount never takes a wallet below zero."""
    # Without nulls, so that a key from before a field existed still finds its request.
    ticket = idempotency.ticket("admin/credits", body.model_dump(mode="json", exclude_none=True))
    actor = actor_of(caller.id, body.actor_telegram_id)
    granted, is_replay = await ledger.grant_once(session, body, actor=actor, ticket=ticket)
    idempotency.mark(is_replay=is_replay)
    return granted


@router.get("/users", summary="A person by username", responses=_NO_USER)
async def look_up(username: Username, session: ReadSessionDep, _: AdminDep) -> AdminUser:
    """Who last came under this name; Telegram gives a name that was given up to somebody else."""
    return await operators.look_up(session, username)


@router.get("/users/{telegram_id}", summary="A person as operators see them", responses=_NO_USER)
async def look_at(telegram_id: TelegramIdPath, session: ReadSessionDep, _: AdminDep) -> AdminUser:
    """Name, wallet, free generation, how much was ordered and when last; whether banned and why."""
    return await operators.look_at(session, telegram_id)


@router.post("/users/{telegram_id}/ban", summary="Do nothing for a person any more", responses=_NO_USER)
async def ban(telegram_id: TelegramIdPath, body: Ban, session: SessionDep, caller: AdminDep) -> AdminUser:
    """From this answer on whatever is asked by or for them is `403 banned`, but for what a service key reads. What runs ends."""
    return await operators.ban(session, telegram_id, reason=body.reason, actor=actor_of(caller.id, body.actor_telegram_id))


@router.post("/users/{telegram_id}/unban", summary="Serve a person again", responses=_NO_USER)
async def unban(telegram_id: TelegramIdPath, body: Unban, session: SessionDep, caller: AdminDep) -> AdminUser:
    """Of somebody who is not banned nothing is changed."""
    return await operators.unban(session, telegram_id, actor=actor_of(caller.id, body.actor_telegram_id))


@router.get("/totals", summary="What happened on a day")
async def totals(session: ReadSessionDep, _: AdminDep, day: Day = None) -> Totals:
    """Users, generations and credits of one day in UTC, and how many generations run now."""
    return await operators.totals(session, day)
