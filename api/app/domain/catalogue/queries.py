"""SQL of the catalogue."""

from collections.abc import Sequence

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
from app.domain.catalogue.models import CatalogModel, ModelPrice

_FIND_ON_SALE = wire.Statement(
    select(CatalogModel.key, ModelPrice.unit_price)
    .join(ModelPrice, (ModelPrice.model_id == CatalogModel.id) & ModelPrice.is_active)
    .where(CatalogModel.id == bindparam("model_id"), CatalogModel.is_active)
)


async def list_on_sale(session: AsyncSession) -> Sequence[Row[CatalogModel, ModelPrice]]:
    """Every active model with its active price, by model id; one statement."""
    statement = (
        select(CatalogModel, ModelPrice)
        .join(ModelPrice, (ModelPrice.model_id == CatalogModel.id) & ModelPrice.is_active)
        .where(CatalogModel.is_active)
        .order_by(CatalogModel.id)
        .limit(1000)
    )
    return (await session.execute(statement)).all()


async def find_on_sale(session: AsyncSession, model_id: int) -> tuple[str, int] | None:
    """The key and the price in credits of an active model, or None."""
    row = await wire.fetch_row(session, _FIND_ON_SALE, {"model_id": model_id})
    return (row["key"], row["unit_price"]) if row else None


async def list_offers(session: AsyncSession) -> dict[int, tuple[str, int]]:
    """The key and the price in credits of every active model, by its id."""
    return {model.id: (model.key, price.unit_price) for model, price in await list_on_sale(session)}


async def list_all(session: AsyncSession) -> Sequence[Row[CatalogModel, int | None]]:
    """Every model, also those not on sale, with its active price if it has one."""
    statement = (
        select(CatalogModel, ModelPrice.unit_price)
        .outerjoin(ModelPrice, (ModelPrice.model_id == CatalogModel.id) & ModelPrice.is_active)
        .order_by(CatalogModel.id)
        .limit(1000)
    )
    return (await session.execute(statement)).all()


async def lock_model_id(session: AsyncSession, key: str) -> int | None:
    """The id of the model with this key, its row locked; None when there is none."""
    return await session.scalar(select(CatalogModel.id).where(CatalogModel.key == key).with_for_update())


async def mark_active(session: AsyncSession, model_id: int, *, is_active: bool) -> None:
    """Put a model on sale or take it off."""
    await session.execute(update(CatalogModel).where(CatalogModel.id == model_id).values(is_active=is_active))


async def insert_price(session: AsyncSession, model_id: int, unit_price: int) -> None:
    """A new price takes the place of the old one, which stays as history. The caller holds the model's lock."""
    old = update(ModelPrice).where(ModelPrice.model_id == model_id, ModelPrice.is_active).values(is_active=False)
    await session.execute(old)
    await session.execute(insert(ModelPrice).values(model_id=model_id, unit_price=unit_price))
