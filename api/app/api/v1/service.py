"""The service itself: health, readiness, info. Open to everybody."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.core import clock
from app.deps.resources import ResourcesDep
from app.health import Checks, check_all

router = APIRouter(prefix="/api/v1", tags=["service"])


class HealthRead(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    uptime_seconds: float
    request_id: str


class ReadyRead(BaseModel):
    """Whether orders can be taken, and how each part is."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: Checks


class InfoRead(BaseModel):
    """About this API."""

    name: str
    version: str
    environment: str
    docs_url: str


@router.get("/health", summary="Is the process alive")
async def health(request: Request) -> HealthRead:
    """Touches nothing: neither database nor Redis nor provider."""
    uptime = clock.monotonic_s() - request.state.started_s
    return HealthRead(uptime_seconds=round(uptime, 3), request_id=request.state.request_id)


@router.get("/ready", summary="Can orders be taken", responses={503: {"model": ReadyRead}})
async def ready(resources: ResourcesDep, response: Response) -> ReadyRead:
    """503 while the database is away or not migrated; Redis or the provider away is `degraded` with 200."""
    status, checks = await check_all(resources)
    if status == "unavailable":
        response.status_code = 503
    return ReadyRead(status=status, checks=checks)


@router.get("/info", summary="About this API")
async def info(resources: ResourcesDep) -> InfoRead:
    """Name, version, environment and where the documentation is."""
    settings = resources.settings
    return InfoRead(
        name=settings.app_name,
        version=settings.app_version,
        environment=settings.environment,
        docs_url=settings.docs_url,
    )
