"""The two web applications and the listeners they are served on."""

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator import (
    control,
    routes_account,
    routes_assets,
    routes_history,
    routes_models,
    routes_predictions,
    routes_uploads,
)
from simulator.answers import INVALID_KEY, ApiError, ConnectionCut, CutConnection
from simulator.faulty_answers import moment_of, struck
from simulator.program import Simulator
from simulator.request_log import RequestLogMiddleware
from simulator.settings import SimulatorSettings

GRACE_S = 1
# Longer than clients keep idle connections: a submit must not meet a connection that is just being closed.
KEEP_ALIVE_S = 75
BACKLOG = 4096

Handler = Callable[[Request, Simulator], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]
Gate = Callable[[Request, Simulator], Awaitable[Response | None]]


async def _api_gate(request: Request, simulator: Simulator) -> Response | None:
    """Check the Bearer key before anything else (protocol 1, 5.1), then the faults that may strike any call."""
    expected = f"Bearer {simulator.settings.api_key}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
        raise ApiError(401, INVALID_KEY)
    return await struck(simulator, "api", moment_of(request))


async def _asset_gate(request: Request, _: Simulator) -> Response | None:
    return routes_assets.refused_for_key(request)


async def _control_gate(request: Request, _: Simulator) -> Response | None:
    return control.refused_from_afar(request)


def _guarded(handler: Handler, gate: Gate, simulator: Simulator) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return await gate(request, simulator) or await handler(request, simulator)
        except ApiError as error:
            return error.response
        except ConnectionCut:
            return CutConnection()

    return endpoint


async def _unknown(request: Request, _: Simulator) -> Response:
    raise ApiError(404, f"{request.method} {request.url.path} is not part of the API")


_API_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/models", routes_models.list_models),
    ("GET", "/models/{model_id:path}", routes_models.read_model),
    ("POST", "/model/price", routes_models.price),
    ("POST", "/model/pricing", routes_models.pricing),
    ("GET", "/balance", routes_account.balance),
    ("GET", "/webhook/secret", routes_account.webhook_secret),
    ("POST", "/billings/search", routes_account.billings),
    ("POST", "/user/usage_stats", routes_account.usage_stats),
    ("POST", "/media/uploads", routes_uploads.ticket),
    ("POST", "/media/upload/binary", routes_uploads.binary),
    ("POST", "/predictions", routes_history.search),
    ("POST", "/predictions/delete", routes_history.delete_many),
    ("GET", "/predictions/{prediction_id}", routes_predictions.read),
    ("GET", "/predictions/{prediction_id}/result", routes_predictions.read),
    ("DELETE", "/predictions/{prediction_id}", routes_history.delete_one),
    ("POST", "/{model_id:path}", routes_predictions.submit),
]
_CONTROL_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/log", control.read_log),
    ("DELETE", "/log", control.clear_log),
    ("GET", "/predictions", control.list_predictions),
    ("DELETE", "/predictions", control.forget_predictions),
    ("GET", "/config", control.read_config),
    ("PUT", "/config", control.change_config),
    ("DELETE", "/config", control.reset_config),
    ("GET", "/faults", control.list_faults),
    ("POST", "/faults", control.add_fault),
    ("DELETE", "/faults", control.clear_faults),
    ("GET", "/faults/kinds", control.list_kinds),
    ("DELETE", "/faults/{fault_id}", control.clear_fault),
]
_ASSET_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/predictions/{prediction_id}/{name}", routes_assets.output),
    ("GET", "/media/{path:path}", routes_assets.upload),
    ("PUT", "/signed-upload", routes_assets.signed_put),
]
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def _routes(table: list[tuple[str, str, Handler]], prefix: str, gate: Gate, simulator: Simulator) -> list[Route]:
    return [Route(prefix + path, _guarded(handler, gate, simulator), methods=[method]) for method, path, handler in table]


def create_apps(settings: SimulatorSettings) -> tuple[Starlette, Starlette, Simulator]:
    """Return the API application, the application of the second origin, and the simulator behind both.

    Whoever serves them calls `simulator.open()` and `simulator.close()`; `running_simulator` does all of it.
    """
    simulator = Simulator(settings)
    api = Starlette(
        routes=[
            *_routes(_API_ROUTES, "/api/v3", _api_gate, simulator),
            *_routes(_CONTROL_ROUTES, "/sim", _control_gate, simulator),
            Route("/{path:path}", _guarded(_unknown, _api_gate, simulator), methods=_EVERY_METHOD),
        ],
        middleware=[Middleware(RequestLogMiddleware, log=simulator.state.log)],
    )
    return api, Starlette(routes=_routes(_ASSET_ROUTES, "", _asset_gate, simulator)), simulator


class ListenError(OSError):
    """An address cannot be listened on; the text says which and why."""


class _CuttableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, with the connection in `scope["state"]["transport"]` so that a fault can cut it."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = self.app_state | {"transport": transport}


class _Listener:
    """One application on one bound socket, in the current event loop; no signal handlers, no background task."""

    def __init__(self, app: Starlette, bound: socket.socket, log_level: str) -> None:
        self._socket = bound
        config = uvicorn.Config(
            app,
            http=_CuttableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=log_level,
            access_log=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def open(self) -> None:
        await self._server.startup(sockets=[self._socket])

    async def close(self) -> None:
        await self._server.shutdown(sockets=[self._socket])


def bind(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket; port 0 is any free one. Raises ListenError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on accepted connections; unnamed, answers lag 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    bound.setblocking(False)
    return bound


class RunningSimulator:
    """A simulator being served: its two addresses, and its state to look into."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.state = simulator.state

    @property
    def url(self) -> str:
        """The provider API's origin, without `/api/v3`; the control API is under it at `/sim`."""
        return self.state.url

    @property
    def asset_url(self) -> str:
        """The second origin: outputs and uploads."""
        return self.state.asset_url


@asynccontextmanager
async def running_simulator(settings: SimulatorSettings) -> AsyncIterator[RunningSimulator]:
    """Serve a simulator in the current event loop while the block runs.

    Raises ListenError when a port is taken. With a state directory and no asset port given, the last run's asset port is
    taken again where it is free, so that addresses handed out before a restart stay good.
    """
    api, assets, simulator = create_apps(settings)
    api_socket = bind(settings.host, settings.port)
    try:
        asset_socket = _bind_assets(settings, simulator.state.last_asset_port)
    except ListenError:
        api_socket.close()
        raise
    simulator.state.set_origins(
        settings.public_url or _origin(settings.host, api_socket), settings.asset_url or _origin(settings.host, asset_socket)
    )
    listeners = [_Listener(app, bound, settings.log_level) for app, bound in ((api, api_socket), (assets, asset_socket))]
    await simulator.open()
    for listener in listeners:
        await listener.open()
    try:
        yield RunningSimulator(simulator)
    finally:
        await simulator.close()
        async with asyncio.TaskGroup() as closing:
            for listener in listeners:
                closing.create_task(listener.close())


def _bind_assets(settings: SimulatorSettings, last_port: int) -> socket.socket:
    if settings.asset_port or not last_port:
        return bind(settings.host, settings.asset_port)
    try:
        return bind(settings.host, last_port)
    except ListenError:
        return bind(settings.host, 0)


def _origin(host: str, bound: socket.socket) -> str:
    """Return the address a caller on this machine uses; a wildcard address is reached at loopback."""
    named: Any = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{named}:{bound.getsockname()[1]}"
