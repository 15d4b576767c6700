"""The public catalogue, read at most every two seconds per process: a change shows everywhere within five."""

from typing import Annotated

from fastapi import Depends, Request

from app.core import clock
from app.domain.catalogue import service as catalogue
from app.domain.catalogue.schemas import Snapshot
from app.resources import Resources

FRESH_S = 2.0
STALE_S = 4.0


class OnSale:
    """What is on sale, as this process read it last."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._read_at_s = 0.0
        self._is_being_read = False

    def recall(self) -> Snapshot | None:
        """What is known; None when it has to be read.

        While somebody reads it, it is good for a moment more: of a crowd, one reads.
        """
        age_s = clock.monotonic_s() - self._read_at_s
        return self._snapshot if age_s < (STALE_S if self._is_being_read else FRESH_S) else None

    async def read(self, resources: Resources) -> Snapshot:
        """Read it. Raises ServiceUnavailableError."""
        began_s, self._is_being_read = clock.monotonic_s(), True
        try:
            async with resources.reading() as session:
                snapshot = await catalogue.snapshot(session)
        finally:
            self._is_being_read = False
        self._snapshot, self._read_at_s = snapshot, began_s
        return snapshot


async def get_catalogue(request: Request) -> Snapshot:
    """What is on sale. Raises ServiceUnavailableError."""
    state = request.scope["state"]
    on_sale: OnSale = state["on_sale"]
    return on_sale.recall() or await on_sale.read(state["resources"])


CatalogueDep = Annotated[Snapshot, Depends(get_catalogue)]
