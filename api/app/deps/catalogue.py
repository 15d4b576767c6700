"""The public catalogue, read at most every two seconds per process: a change shows everywhere within five."""

from typing import Annotated

from fastapi import Depends, Request

from app.core import clock
from app.deps.resources import ResourcesDep
from app.domain.catalogue import service as catalogue
from app.domain.catalogue.schemas import Snapshot

MAX_AGE_S = 2.0


async def get_catalogue(request: Request, resources: ResourcesDep) -> Snapshot:
    """What is on sale."""
    state = request.app.state
    kept: tuple[float, Snapshot] | None = getattr(state, "catalogue", None)
    if kept is not None and clock.monotonic_s() - kept[0] < MAX_AGE_S:
        return kept[1]
    async with resources.reading() as session:
        snapshot = await catalogue.snapshot(session)
    state.catalogue = (clock.monotonic_s(), snapshot)
    return snapshot


CatalogueDep = Annotated[Snapshot, Depends(get_catalogue)]
