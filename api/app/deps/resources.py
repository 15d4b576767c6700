"""The process's resources, as endpoints receive them."""

from typing import Annotated

from fastapi import Depends, Request

from app.resources import Resources


async def get_resources(request: Request) -> Resources:
    """What the lifespan opened. Async, or each request would go through a thread for it."""
    resources: Resources = request.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(get_resources)]
