"""The two query parameters of every list."""

from typing import Annotated

from fastapi import Query

Cursor = Annotated[int | None, Query(ge=1, lt=2**63, description="`next_cursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=100, description="Rows on a page")]
