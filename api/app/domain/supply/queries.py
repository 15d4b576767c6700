"""SQL of the provider's health: one row, by its primary key."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.supply.models import ProviderHealth
from app.provider.health import Breaker, Standing, Trouble

PROVIDER = "wavespeed"
_COLUMNS = (
    ProviderHealth.reason,
    ProviderHealth.failures,
    ProviderHealth.opening,
    ProviderHealth.opened_in_row,
    ProviderHealth.probes,
    ProviderHealth.probe_at,
    ProviderHealth.order_at,
    ProviderHealth.balance_usd,
    ProviderHealth.balance_read_at,
    func.clock_timestamp().label("now"),
)


async def get_standing(session: AsyncSession) -> Standing:
    """The provider's health now; good when nothing was ever noted."""
    row = (await session.execute(select(*_COLUMNS).where(ProviderHealth.provider == PROVIDER))).one_or_none()
    return _standing(row) if row else Standing(Breaker(), (await session.execute(select(func.clock_timestamp()))).scalar_one())


async def lock_standing(session: AsyncSession) -> Standing:
    """The same, locked until the transaction ends; the row is made if there is none."""
    statement = insert(ProviderHealth).values(provider=PROVIDER)
    # An update that changes nothing, because DO NOTHING would return, and lock, no row that exists.
    statement = statement.on_conflict_do_update(index_elements=["provider"], set_={"provider": statement.excluded.provider})
    return _standing((await session.execute(statement.returning(*_COLUMNS))).one())


async def lock_standing_if_free(session: AsyncSession) -> Standing | None:
    """The same without waiting for whoever has it; None then, or when nothing was ever noted."""
    statement = select(*_COLUMNS).where(ProviderHealth.provider == PROVIDER).with_for_update(skip_locked=True)
    row = (await session.execute(statement)).one_or_none()
    return _standing(row) if row else None


async def save_breaker(session: AsyncSession, breaker: Breaker) -> None:
    """Store the breaker as it is now. The caller holds the row's lock."""
    await _save(session, **asdict(breaker))


async def save_balance(session: AsyncSession, usd: float, read_at: datetime) -> None:
    """Store what the account had when it was asked. The caller holds the row's lock."""
    await _save(session, balance_usd=usd, balance_read_at=read_at)


async def _save(session: AsyncSession, **values: Any) -> None:
    values["updated_at"] = func.now()
    await session.execute(update(ProviderHealth).where(ProviderHealth.provider == PROVIDER).values(**values))


def _standing(row: Row[Any]) -> Standing:
    breaker = Breaker(
        Trouble(row.reason) if row.reason is not None else None,
        row.failures,
        row.opening,
        row.opened_in_row,
        row.probes,
        row.probe_at,
        row.order_at,
    )
    return Standing(breaker, row.now, row.balance_usd, row.balance_read_at)
