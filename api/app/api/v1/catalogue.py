"""The catalogue: models with their options and prices, and the common sizes. Open to everybody."""

from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from app.api.hot import hot_for
from app.core.model_options import SIZES
from app.deps.catalogue import CatalogueDep, get_catalogue
from app.domain.catalogue.schemas import CatalogueItem, Snapshot

router = APIRouter(prefix="/api/v1", tags=["catalogue"])

_NOT_MODIFIED: dict[int | str, dict[str, str]] = {304: {"description": "You have what is on sale now"}}

IfNoneMatch = Annotated[str | None, Header(description="The `ETag` that you have", examples=[None])]


@router.get("/models", summary="What can be ordered, and for how much", response_model=list[CatalogueItem], responses=_NOT_MODIFIED)
async def models(catalogue: CatalogueDep, if_none_match: IfNoneMatch = None) -> Response:
    """Active models with their options and prices. 304 when you have what is on sale now."""
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    if catalogue.etag in known or "*" in known:
        return Response(status_code=304, headers=_headers(catalogue))
    return Response(catalogue.body, media_type="application/json", headers=_headers(catalogue))


@hot_for(models)
async def _models(request: Request) -> Response:
    catalogue = await get_catalogue(request)
    asked = [value for name, value in request.scope["headers"] if name == b"if-none-match"]
    return await models(catalogue, asked[0].decode("latin-1")) if asked else _whole(catalogue)


@lru_cache(maxsize=1)
def _whole(catalogue: Snapshot) -> Response:
    """The answer for whoever has nothing yet, put together once for each snapshot; sending does not change it."""
    return Response(catalogue.body, media_type="application/json", headers=_headers(catalogue))


def _headers(catalogue: Snapshot) -> dict[str, str]:
    return {"ETag": catalogue.etag, "Cache-Control": "public, max-age=0, must-revalidate"}


@router.get("/sizes", summary="Sizes for models that take one")
async def sizes() -> list[str]:
    """`W*H` in pixels, the default first."""
    return list(SIZES)
