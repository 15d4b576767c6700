"""Who opens a transaction ends it: here, for a request.

`scope="function"` ends the unit of work before the response is sent, so a commit that fails is an error to the client and never a
202 that did not happen (docs/decisions/0001).
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.deps.resources import ResourcesDep


async def get_session(resources: ResourcesDep) -> AsyncIterator[AsyncSession]:
    """One transaction around the endpoint."""
    async with resources.transaction() as session:
        yield session


async def get_read_session(resources: ResourcesDep) -> AsyncIterator[AsyncSession]:
    """Plain reads, without BEGIN and COMMIT."""
    async with resources.reading() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSessionDep = Annotated[AsyncSession, Depends(get_read_session, scope="function")]
