"""SQL of payments."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.payments.models import PaymentPackage
from app.domain.payments.rules import ORDER_LIFETIME_S, REFUND_LEASE_S, OrderStatus, RefundState
from app.domain.payments.schemas import ChargeRow, Order, Payment, Refund, RefundClaim

_ORDER_COLUMNS = """
    SELECT bought.id, bought.public_id, bought.user_id, person.telegram_id, bought.package_id, package.key AS package_key,
        bought.repeats_id, bought.credits, bought.price_stars,
        CASE WHEN bought.status = 'pending' AND bought.expires_at < clock_timestamp() THEN 'expired' ELSE bought.status END
            AS status,
        bought.approved_at IS NOT NULL AS is_approved, bought.expires_at, bought.created_at, bought.paid_at
    FROM payment_orders bought
    JOIN users person ON person.id = bought.user_id JOIN payment_packages package ON package.id = bought.package_id
"""
_FIND_ORDER = text(f"{_ORDER_COLUMNS} WHERE bought.public_id = :public_id AND person.telegram_id = :telegram_id")
_GET_ORDER = text(f"{_ORDER_COLUMNS} WHERE bought.id = :order_id")
_LOCK_ORDER = text(f"{_ORDER_COLUMNS} WHERE bought.public_id = :public_id FOR UPDATE OF bought")
_LOCK_ORDER_OF_REFUND = text(f"""{_ORDER_COLUMNS}
    JOIN payment_refunds refund ON refund.order_id = bought.id WHERE refund.id = :refund_id FOR UPDATE OF bought
""")
_LOCK_ORDER_OF_CHARGE = text(f"""{_ORDER_COLUMNS}
    JOIN payment_charges charge ON charge.order_id = bought.id WHERE charge.telegram_charge_id = :charge_id FOR UPDATE OF bought
""")

# Credits and price are taken from the package as it is now, in one statement, and stay with the order.
_INSERT_ORDER = text("""
    INSERT INTO payment_orders (public_id, user_id, package_id, credits, price_stars, expires_at)
    SELECT :public_id, :user_id, id, credits, price_stars, now() + make_interval(secs => :lifetime_s)
    FROM payment_packages WHERE id = :package_id AND is_active RETURNING id
""")
_INSERT_REPEAT = text("""
    INSERT INTO payment_orders (public_id, user_id, package_id, repeats_id, credits, price_stars, expires_at)
    SELECT :public_id, user_id, package_id, id, credits, price_stars, now() FROM payment_orders WHERE id = :order_id RETURNING id
""")
_MARK_APPROVED = text("UPDATE payment_orders SET approved_at = coalesce(approved_at, now()) WHERE id = :order_id")
_MARK_PAID = text("UPDATE payment_orders SET status = 'paid', paid_at = now() WHERE id = :order_id")
_MARK_STATUS = text("UPDATE payment_orders SET status = :status WHERE id = :order_id")

_FIND_CHARGED_ORDER = text("SELECT order_id FROM payment_charges WHERE telegram_charge_id = :charge_id")
_INSERT_CHARGE = text("""
    INSERT INTO payment_charges (telegram_charge_id, order_id, user_id, amount, transfer_id, source)
    VALUES (:charge_id, :order_id, :user_id, :amount, :transfer_id, :source)
    ON CONFLICT (telegram_charge_id) DO NOTHING RETURNING id
""")
_CHARGES = text("""
    SELECT charge.telegram_charge_id AS charge_id, bought.public_id AS order_id, person.telegram_id, bought.credits,
        charge.amount AS price_stars, bought.status, charge.source, bought.paid_at,
        refund.reason AS refund_reason, refund.error AS refund_error, coalesce(refund.shortfall, 0) AS shortfall
    FROM payment_charges charge JOIN payment_orders bought ON bought.id = charge.order_id
    JOIN users person ON person.id = charge.user_id
    LEFT JOIN LATERAL (
        SELECT reason, error, shortfall FROM payment_refunds WHERE order_id = bought.id ORDER BY id DESC LIMIT 1
    ) refund ON true
    WHERE CAST(:telegram_id AS bigint) IS NULL OR person.telegram_id = :telegram_id ORDER BY charge.id DESC LIMIT :limit
""")
_SETTLED = text("""
    SELECT charge.telegram_charge_id, bought.status = 'refunded' AS is_refunded
    FROM payment_charges charge JOIN payment_orders bought ON bought.id = charge.order_id
    WHERE charge.telegram_charge_id = ANY(CAST(:charge_ids AS text[]))
""")

_FIND_REFUND = text("""
    SELECT id, state, epoch, coalesce(lease_until > clock_timestamp(), false) AS is_leased
    FROM payment_refunds WHERE order_id = :order_id AND state <> 'refused'
""")
_INSERT_REFUND = text("""
    INSERT INTO payment_refunds (order_id, state, source, transfer_id, shortfall, actor, reason, finished_at)
    VALUES (:order_id, :state, :source, :transfer_id, :shortfall, :actor, :reason, CASE WHEN :state = 'refunded' THEN now() END)
    RETURNING id
""")
_CLAIM_REFUND = text("""
    UPDATE payment_refunds refund SET epoch = epoch + 1, lease_until = clock_timestamp() + make_interval(secs => :lease_s)
    FROM payment_charges charge JOIN users person ON person.id = charge.user_id
    WHERE refund.id = :refund_id AND refund.state = 'refunding' AND charge.order_id = refund.order_id
        AND (refund.lease_until IS NULL OR refund.lease_until <= clock_timestamp())
    RETURNING refund.id AS refund_id, refund.order_id, refund.epoch, person.telegram_id, charge.telegram_charge_id AS charge_id
""")
_MARK_REFUND = text("""
    UPDATE payment_refunds SET state = :state, return_transfer_id = :return_transfer_id, error = coalesce(:error, error),
        finished_at = now(), lease_until = NULL
    WHERE id = :refund_id AND epoch = :epoch AND state = 'refunding' RETURNING id
""")
_MARK_DOUBT = text("""
    UPDATE payment_refunds SET error = :error, lease_until = NULL
    WHERE id = :refund_id AND epoch = :epoch AND state = 'refunding'
""")
_REFUNDING = text("""
    SELECT id FROM payment_refunds WHERE state = 'refunding' AND (lease_until IS NULL OR lease_until <= clock_timestamp())
    ORDER BY id LIMIT :limit
""")

_POSITION = text("SELECT position FROM payment_positions WHERE bot_id = :bot_id")
_SAVE_POSITION = text("""
    INSERT INTO payment_positions (bot_id, position) VALUES (:bot_id, :position)
    ON CONFLICT (bot_id) DO UPDATE SET position = excluded.position, read_at = now()
""")


async def list_packages(session: AsyncSession, *, only_active: bool) -> Sequence[PaymentPackage]:
    """The packages in their order, at most a thousand."""
    statement = select(PaymentPackage).order_by(PaymentPackage.position, PaymentPackage.id).limit(1000)
    if only_active:
        statement = statement.where(PaymentPackage.is_active)
    return (await session.scalars(statement)).all()


async def upsert_package(session: AsyncSession, key: str, *, position: int | None, **values: Any) -> PaymentPackage:
    """Create a package or change it; without a position a new one goes to the end, and an old one stays where it is."""
    last = select(func.coalesce(func.max(PaymentPackage.position), 0) + 10).scalar_subquery()
    statement = insert(PaymentPackage).values(key=key, position=last if position is None else position, **values)
    changes = {**values, **({} if position is None else {"position": position})}
    statement = statement.on_conflict_do_update(index_elements=[PaymentPackage.key], set_=changes)
    return (await session.scalars(statement.returning(PaymentPackage), execution_options={"populate_existing": True})).one()


async def insert_order(session: AsyncSession, *, public_id: UUID, user_id: int, package_id: int) -> int | None:
    """Store an order of a package at its price of now; None when no such package is on sale."""
    asked = {"public_id": public_id, "user_id": user_id, "package_id": package_id, "lifetime_s": ORDER_LIFETIME_S}
    return (await session.execute(_INSERT_ORDER, asked)).scalar_one_or_none()


async def insert_repeat(session: AsyncSession, order_id: int, *, public_id: UUID) -> int:
    """An order like this one, for money that came a second time."""
    return int((await session.execute(_INSERT_REPEAT, {"order_id": order_id, "public_id": public_id})).scalar_one())


async def find_order(session: AsyncSession, public_id: UUID, telegram_id: int) -> Order | None:
    """This person's order, or None."""
    return await _find(session, _FIND_ORDER, public_id=public_id, telegram_id=telegram_id)


async def get_order(session: AsyncSession, order_id: int) -> Order:
    """The order as it is now."""
    return _order((await session.execute(_GET_ORDER, {"order_id": order_id})).mappings().one())


async def lock_order(session: AsyncSession, public_id: UUID) -> Order | None:
    """The order that an invoice names, locked until this transaction ends: payments and refunds of it queue here."""
    return await _find(session, _LOCK_ORDER, public_id=public_id)


async def lock_order_of_charge(session: AsyncSession, charge_id: str) -> Order | None:
    """The order that this charge paid, locked; None when the charge was never credited."""
    return await _find(session, _LOCK_ORDER_OF_CHARGE, charge_id=charge_id)


async def lock_order_of_refund(session: AsyncSession, refund_id: int) -> Order | None:
    """The order that this refund gives back, locked."""
    return await _find(session, _LOCK_ORDER_OF_REFUND, refund_id=refund_id)


async def mark_approved(session: AsyncSession, order_id: int) -> None:
    """Note that Telegram was told to take the money; the first time counts."""
    await session.execute(_MARK_APPROVED, {"order_id": order_id})


async def mark_paid(session: AsyncSession, order_id: int) -> None:
    """The money of a pending order came."""
    await session.execute(_MARK_PAID, {"order_id": order_id})


async def mark_status(session: AsyncSession, order_id: int, status: OrderStatus) -> None:
    """Where a paid order stands with its refund; the caller holds its lock."""
    await session.execute(_MARK_STATUS, {"order_id": order_id, "status": status})


async def find_charged_order(session: AsyncSession, charge_id: str) -> int | None:
    """The id of the order that this charge paid, or None."""
    return (await session.execute(_FIND_CHARGED_ORDER, {"charge_id": charge_id})).scalar_one_or_none()


async def insert_charge(session: AsyncSession, order: Order, payment: Payment, *, transfer_id: int) -> bool:
    """Store money that came; False when this charge id is stored already (the unique constraint decides)."""
    row = {
        "charge_id": payment.charge_id,
        "order_id": order.id,
        "user_id": order.user_id,
        "amount": payment.stars,
        "transfer_id": transfer_id,
        "source": payment.source,
    }
    return (await session.execute(_INSERT_CHARGE, row)).scalar_one_or_none() is not None


async def list_charges(session: AsyncSession, *, telegram_id: int | None, limit: int) -> list[ChargeRow]:
    """Payments, the newest first."""
    rows = await session.execute(_CHARGES, {"telegram_id": telegram_id, "limit": limit})
    return [ChargeRow.model_validate(row) for row in rows]


async def list_settled(session: AsyncSession, charge_ids: list[str]) -> dict[str, bool]:
    """Which of these charges are credited, and whether each has gone back."""
    rows = await session.execute(_SETTLED, {"charge_ids": charge_ids})
    return {row.telegram_charge_id: row.is_refunded for row in rows}


async def find_refund(session: AsyncSession, order_id: int) -> Refund | None:
    """The refund of this order that was not refused, if there is one."""
    row = (await session.execute(_FIND_REFUND, {"order_id": order_id})).one_or_none()
    return Refund(row.id, RefundState(row.state), row.epoch, row.is_leased) if row else None


async def insert_refund(session: AsyncSession, order_id: int, *, state: RefundState, **values: Any) -> int:
    """Store a refund whose transfer was written just now. Raises IntegrityError when the order has one that was not refused."""
    return int((await session.execute(_INSERT_REFUND, {"order_id": order_id, "state": state, **values})).scalar_one())


async def claim_refund(session: AsyncSession, refund_id: int) -> RefundClaim | None:
    """Raise the epoch of a refund in doubt and lease it; None when it has ended or somebody else has the lease."""
    claimed = await session.execute(_CLAIM_REFUND, {"refund_id": refund_id, "lease_s": REFUND_LEASE_S})
    row = claimed.mappings().one_or_none()
    return RefundClaim(**row) if row else None


async def mark_refund(
    session: AsyncSession,
    *,
    refund_id: int,
    epoch: int,
    state: RefundState,
    return_transfer_id: int | None = None,
    error: str | None = None,
) -> bool:
    """End a refund that is ours; False when it has ended, or is another one's now."""
    ending = {"refund_id": refund_id, "epoch": epoch, "state": state, "return_transfer_id": return_transfer_id, "error": error}
    return (await session.execute(_MARK_REFUND, ending)).scalar_one_or_none() is not None


async def mark_doubt(session: AsyncSession, claim: RefundClaim, error: str) -> None:
    """Note why it is not known how a refund ended, and let the next one ask at once."""
    await session.execute(_MARK_DOUBT, {"refund_id": claim.refund_id, "epoch": claim.epoch, "error": error})


async def list_refunding(session: AsyncSession, *, limit: int) -> list[int]:
    """Refunds in doubt that nobody is asking Telegram about, the oldest first."""
    return list((await session.execute(_REFUNDING, {"limit": limit})).scalars())


async def find_position(session: AsyncSession, bot_id: int) -> int:
    """How many of the bot's transactions have been compared."""
    return int((await session.execute(_POSITION, {"bot_id": bot_id})).scalar_one_or_none() or 0)


async def save_position(session: AsyncSession, bot_id: int, position: int) -> None:
    """Note how many of the bot's transactions have been compared; a smaller number only has some compared again."""
    await session.execute(_SAVE_POSITION, {"bot_id": bot_id, "position": position})


async def _find(session: AsyncSession, statement: TextClause, **parameters: Any) -> Order | None:
    row = (await session.execute(statement, parameters)).mappings().one_or_none()
    return _order(row) if row else None


def _order(row: RowMapping) -> Order:
    return Order(**{**row, "status": OrderStatus(row["status"])})
