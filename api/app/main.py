"""create_app: lifespan, middleware in reading order, handlers, routes. No logic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypedDict

from fastapi import FastAPI

from app.api import errors_page, root
from app.api.hot import HotRoutes
from app.api.openapi import describe
from app.api.v1.router import ROUTES
from app.core import clock
from app.core.config import Settings, load_settings
from app.core.errors import ServiceUnavailableError
from app.core.exception_handlers import add_exception_handlers
from app.core.logging import configure_logging
from app.db.notifications import Notifications
from app.db.rate_limit import RateLimiter, open_limiter
from app.deps.catalogue import OnSale
from app.deps.known_keys import KnownKeys
from app.deps.limits import name_to_count
from app.domain.broadcasts import service as broadcasts
from app.domain.deliveries import service as deliveries
from app.domain.generations import events
from app.domain.generations.restores import notice_restore
from app.domain.keys import service as keys
from app.middlewares.body_limit import BodyLimitMiddleware
from app.middlewares.cors import CorsMiddleware
from app.middlewares.load_limit import LoadLimitMiddleware
from app.middlewares.rate_limit import RateLimitMiddleware
from app.middlewares.request_id import RequestIdMiddleware
from app.monitoring import metrics_served
from app.resources import Resources, open_resources

DESCRIPTION = "The backend of picture shops in Telegram: a prompt in, a picture out, charged only if there is a picture."
BODY_MAX_BYTES = 64 * 1024
# These have caps of their own: both are read in pieces, and an upload's picture is looked at while it comes.
UPLOAD_PATH = "/api/v1/media/upload"
WEBHOOKS_PATH = "/api/v1/webhooks"
UNLIMITED_PATHS = ("/api/v1/health", "/api/v1/ready", "/api/v1/webhooks", "/docs", "/redoc", "/openapi.json")
# A probe must not fail because of load, and a webhook ends what was taken: both are few, and neither is a caller's to repeat.
ALWAYS_TAKEN_PATHS = ("/api/v1/health", "/api/v1/ready", "/api/v1/webhooks")
STREAMS_END = "/events"  # what answers for as long as its client stays


class _State(TypedDict):
    resources: Resources
    notifications: Notifications
    lookout: events.Lookout
    known_keys: KnownKeys
    on_sale: OnSale
    limiter: RateLimiter
    started_s: float


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API for these settings (the environment's by default); stateless, any number of processes. Raises SettingsError."""
    settings = settings or load_settings()
    configure_logging(settings, program="api")

    notifications = Notifications(settings.database_dsn or "", (events.CHANNEL,))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[_State]:
        async with open_resources(settings, program="api") as resources:
            if settings.bootstrap_api_key is not None:
                async with resources.transaction() as session:
                    await keys.ensure_bootstrap(session, settings.bootstrap_api_key.get_secret_value())
            with suppress(ServiceUnavailableError):  # the API may start before its database; a worker may not
                await notice_restore(resources, deliveries.doubt, broadcasts.doubt)
            async with notifications.listening(), open_limiter(settings) as limiter, metrics_served(resources):
                yield _State(
                    resources=resources,
                    notifications=notifications,
                    lookout=events.Lookout(resources),
                    known_keys=KnownKeys(),
                    on_sale=OnSale(),
                    limiter=limiter,
                    started_s=clock.monotonic_s(),
                )

    app = FastAPI(
        title=settings.app_name,
        version=settings.app_version,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would look for OpenTelemetry at each request
    )
    app.state.docs_url = settings.docs_url
    # Whoever serves the app calls it when the end begins, so that open streams do not hold it up.
    app.state.begin_shutdown = notifications.close

    # Outermost last: the request id is on every answer, a preflight's included; a body is capped before it is looked into, and read
    # before its request takes a place; what is too much is refused before it is counted, for that costs a look at Redis.
    app.add_middleware(HotRoutes, routes=app.routes)
    if settings.rate_limit_enabled:
        app.add_middleware(RateLimitMiddleware, name_to_count=name_to_count, exempt=UNLIMITED_PATHS)
    if settings.requests_at_once_max:
        app.add_middleware(
            LoadLimitMiddleware, places=settings.requests_at_once_max, exempt=ALWAYS_TAKEN_PATHS, streams=(STREAMS_END,)
        )
    app.add_middleware(BodyLimitMiddleware, bytes_max=BODY_MAX_BYTES, exempt=(UPLOAD_PATH, WEBHOOKS_PATH))
    app.add_middleware(
        CorsMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "X-API-Key",
            "X-Request-ID",
        ],
        expose_headers=["X-Request-ID", "Retry-After", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy"],
    )
    app.add_middleware(RequestIdMiddleware)

    add_exception_handlers(app)
    app.router.routes[:0] = [*ROUTES, *root.router.routes, *errors_page.router.routes]  # before FastAPI's own pages
    app.openapi = describe(app, unlimited=UNLIMITED_PATHS)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app
