"""Payments in Telegram Stars: what is on sale, orders, and what Telegram tells the bot of money."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from app.api.problems import problems
from app.deps.caller import BotDep
from app.deps.idempotency import RequiredIdempotencyDep
from app.deps.session import ReadSessionDep, SessionDep
from app.domain.idempotency.errors import IdempotencyInFlightError, IdempotencyMismatchError
from app.domain.payments import service as payments
from app.domain.payments.errors import ChargeNotFoundError, OrderNotFoundError, PackageNotFoundError, PaymentMismatchError
from app.domain.payments.schemas import (
    ChargeRead,
    ChargeReport,
    OrderCreate,
    OrderRead,
    PackageRead,
    PreCheckout,
    PreCheckoutRead,
    RefundNotice,
    RefundRead,
)
from app.domain.users.errors import BannedError

_NO_ORDER = problems(OrderNotFoundError)
_ORDER = problems(BannedError, PackageNotFoundError, IdempotencyInFlightError, IdempotencyMismatchError)
_CHARGE = problems(OrderNotFoundError, PaymentMismatchError)
_NO_CHARGE = problems(ChargeNotFoundError)

OrderPath = Annotated[UUID, Path(description="The id of an order", examples=["019e5d2a-6b1c-7c52-9d39-1f6f2a3b4c5d"])]
BuyerQuery = Annotated[int, Query(gt=0, lt=2**52, description="Whose order", examples=[1001])]

router = APIRouter(prefix="/api/v1/payments", tags=["payments"])


@router.get("/packages", summary="What can be bought, and for how many Stars")
async def packages(session: ReadSessionDep) -> list[PackageRead]:
    """Packages on sale, in their order."""
    return await payments.on_sale(session)


@router.post("/orders", summary="Make an order before its invoice", status_code=201, responses=_ORDER)
async def order(body: OrderCreate, session: SessionDep, idempotency: RequiredIdempotencyDep, _: BotDep) -> OrderRead:
    """Credits and price are fixed here. The order's `id` is the payload of the invoice; it may be paid for an hour."""
    ticket = idempotency.ticket("payments/orders", body.model_dump(mode="json"))
    made, is_replay = await payments.order(session, body, ticket=ticket)
    idempotency.mark(is_replay=is_replay)
    return made


@router.get("/orders/{order_id}", summary="One order", responses=_NO_ORDER)
async def get(order_id: OrderPath, telegram_id: BuyerQuery, session: ReadSessionDep, _: BotDep) -> OrderRead:
    """Somebody else's order is answered like one that does not exist."""
    return await payments.get(session, order_id, telegram_id)


@router.post("/pre-checkout", summary="May Telegram take this money")
async def approve(body: PreCheckout, session: SessionDep, _: BotDep) -> PreCheckoutRead:
    """The answer to a `pre_checkout_query`: amount, currency, person and state fit the order, or `code` says what does not."""
    return await payments.approve(session, body)


@router.post("/charges", summary="Credit a payment", responses=_CHARGE)
async def charge(body: ChargeReport, session: SessionDep, _: BotDep) -> ChargeRead:
    """For each `successful_payment`. Sent again it credits nothing and answers the same with `is_new` false.

    Money that came after the order's time is credited as well, and so is money that came twice for one order.
    """
    return await payments.charge(session, body)


@router.post("/refunds/notice", summary="Note that Stars went back", responses=_NO_CHARGE)
async def note_refund(body: RefundNotice, session: SessionDep, _: BotDep) -> RefundRead:
    """For each `refunded_payment`. The credits go with the Stars, as far as the wallet has them."""
    return await payments.note_refund(session, body)
