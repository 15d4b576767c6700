"""`GET /`: who answers here."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.deps.resources import ResourcesDep

router = APIRouter(tags=["service"])


class RootRead(BaseModel):
    """The name, version and environment of this installation."""

    name: str
    version: str
    environment: str


@router.get("/", summary="Who answers here")
async def root(resources: ResourcesDep) -> RootRead:
    """Name, version and environment."""
    settings = resources.settings
    return RootRead(name=settings.app_name, version=settings.app_version, environment=settings.environment)
