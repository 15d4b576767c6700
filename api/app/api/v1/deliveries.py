"""Deliveries: what bots have to tell their users, each thing once."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.problems import problems
from app.deps.caller import BotDep
from app.deps.session import SessionDep
from app.domain.deliveries import service as deliveries
from app.domain.deliveries.errors import DeliveryNotFoundError, StaleEpochError
from app.domain.deliveries.schemas import (
    DeliveriesClaim,
    DeliveriesRead,
    DeliveryFinish,
    DeliveryStart,
    FinishRead,
    StartRead,
)

router = APIRouter(prefix="/api/v1/deliveries", tags=["deliveries"])

GenerationId = Annotated[int, Path(gt=0, lt=2**63, description="The number of an ended generation", examples=[42])]
_CLAIMED = problems(DeliveryNotFoundError, StaleEpochError)


@router.post("/claim", summary="Take what has to be told")
async def claim(body: DeliveriesClaim, session: SessionDep, _: BotDep) -> DeliveriesRead:
    """Ended generations whose `client_context` has a `chat_id`: each for one caller until its lease is over, the oldest first."""
    return await deliveries.claim(session, body)


@router.post("/{generation_id}/start", summary="About to send", responses=_CLAIMED)
async def start(generation_id: GenerationId, body: DeliveryStart, session: SessionDep, _: BotDep) -> StartRead:
    """Right before what a user would see twice. Send only if the answer came and says so; one repeat is allowed, no second one.

    If no answer came, nothing was sent: finish it as `postponed`.
    """
    return await deliveries.start(session, generation_id, body.epoch)


@router.post("/{generation_id}/finish", summary="Say how it went", responses=_CLAIMED)
async def finish(generation_id: GenerationId, body: DeliveryFinish, session: SessionDep, _: BotDep) -> FinishRead:
    """`delivered`, `blocked` by its user, or `postponed`: surely not sent, and due again. Of what nobody knows say nothing."""
    return await deliveries.finish(session, generation_id, body)
