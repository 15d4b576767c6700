"""What only an operator's key may do."""

from fastapi import APIRouter

from app.api.problems import problems
from app.deps.caller import AdminDep
from app.deps.idempotency import RequiredIdempotencyDep
from app.deps.session import SessionDep
from app.domain.idempotency.errors import IdempotencyInFlightError, IdempotencyMismatchError
from app.domain.ledger import service as ledger
from app.domain.ledger.errors import AccountFrozenError, InsufficientCreditsError
from app.domain.ledger.schemas import CreditsGrant, CreditsRead

_GRANT = problems(InsufficientCreditsError, AccountFrozenError, IdempotencyInFlightError, IdempotencyMismatchError)

router = APIRouter(prefix="/admin", tags=["admin"])


@router.post("/credits", summary="Give credits to a user, or take them back", responses=_GRANT)
async def grant(body: CreditsGrant, session: SessionDep, idempotency: RequiredIdempotencyDep, caller: AdminDep) -> CreditsRead:
    """Needs an Idempotency-Key: sent twice, it gives once. A negative amount never takes a wallet below zero."""
    ticket = idempotency.ticket("admin/credits", body.model_dump(mode="json"))
    granted, is_replay = await ledger.grant_once(session, body, actor=caller.id, ticket=ticket)
    idempotency.mark(is_replay=is_replay)
    return granted
