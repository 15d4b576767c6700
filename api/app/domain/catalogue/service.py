"""The verbs of the catalogue: list, quote, set a price, put on sale."""

import hashlib
from functools import partial

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.model_options import MODEL_OPTIONS, ModelOptions
from app.domain.catalogue import queries, rules
from app.domain.catalogue.errors import ModelNotFoundError
from app.domain.catalogue.models import CatalogModel
from app.domain.catalogue.schemas import CatalogueItem, ModelOptionsRead, ModelRead, ModelRow, PriceRead, Quote, Snapshot, Wish
from app.resources import Resources

OFFERS_FRESH_S = 5.0
_LIST = TypeAdapter(list[CatalogueItem])


async def list_on_sale(session: AsyncSession) -> list[CatalogueItem]:
    """Every model that can be ordered now, with its options and price."""
    return [
        CatalogueItem(model=_read(model, MODEL_OPTIONS[model.key]), prices=[PriceRead.model_validate(price)])
        for model, price in await queries.list_on_sale(session)
        if model.key in MODEL_OPTIONS
    ]


async def snapshot(session: AsyncSession) -> Snapshot:
    """What list_on_sale says, as bytes with an entity tag that changes exactly when they do."""
    body = _LIST.dump_json(await list_on_sale(session))
    return Snapshot(body=body, etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"')


async def list_all(session: AsyncSession) -> list[ModelRow]:
    """Every model, for its operator."""
    return [
        ModelRow(id=model.id, key=model.key, name=model.name, is_active=model.is_active, price=price)
        for model, price in await queries.list_all(session)
    ]


async def set_price(session: AsyncSession, key: str, unit_price: int) -> None:
    """Sell a model at a new price from now on; the old price stays as history. Raises ModelNotFoundError."""
    await queries.insert_price(session, await _require_id(session, key), unit_price)


async def set_active(session: AsyncSession, key: str, *, is_active: bool) -> None:
    """Put a model on sale or take it off. Raises ModelNotFoundError."""
    await queries.mark_active(session, await _require_id(session, key), is_active=is_active)


async def quote(session: AsyncSession, wish: Wish) -> Quote:
    """Check a wish against its model and price it. Raises ModelNotFoundError, UnsupportedParameterError."""
    quoted = _quote(await queries.find_on_sale(session, wish.model_id), wish)
    if quoted is None:
        raise ModelNotFoundError(wish.model_id)
    return quoted


async def recall_quote(resources: Resources, session: AsyncSession, wish: Wish) -> Quote | None:
    """What `quote` would have said a moment ago, None for a model that was not on sale then. Raises UnsupportedParameterError.

    Whoever acts on it has to see to it that it is still true (app.domain.catalogue.parts).
    """
    offers = await resources.memory.recall("offers", partial(queries.list_offers, session), fresh_s=OFFERS_FRESH_S)
    return _quote(offers.get(wish.model_id), wish)


def _quote(offer: tuple[str, int] | None, wish: Wish) -> Quote | None:
    if offer is None or offer[0] not in MODEL_OPTIONS:
        return None
    key, price = offer
    rules.check_options(
        key,
        MODEL_OPTIONS[key],
        size=wish.size,
        aspect_ratio=wish.aspect_ratio,
        resolution=wish.resolution,
        reference_count=len(wish.reference_urls),
    )
    return Quote(model_id=wish.model_id, model_key=key, price_credits=price)


async def _require_id(session: AsyncSession, key: str) -> int:
    model_id = await queries.lock_model_id(session, key)
    if model_id is None:
        raise ModelNotFoundError(key)
    return model_id


def _read(model: CatalogModel, options: ModelOptions) -> ModelRead:
    return ModelRead(
        id=model.id,
        key=model.key,
        name=model.name,
        provider=model.provider,
        supports_text_to_image=model.supports_text_to_image,
        supports_image_to_image=model.supports_image_to_image,
        supports_reference=model.supports_image_to_image,
        supports_aspect_ratio=bool(options.aspect_ratio_options),
        supports_style=False,
        is_active=model.is_active,
        created_at=model.created_at,
        options=ModelOptionsRead(
            supports_size=bool(options.size_options),
            supports_aspect_ratio=bool(options.aspect_ratio_options),
            supports_resolution=bool(options.resolution_options),
            size_options=list(options.size_options),
            aspect_ratio_options=list(options.aspect_ratio_options),
            resolution_options=list(options.resolution_options),
            max_reference_images=options.reference_images_max,
        ),
    )
