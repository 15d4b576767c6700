"""The web application and the listener it is served on."""

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from telegram_simulator import control, control_people, methods
from telegram_simulator.errors import ConnectionCut, TelegramError
from telegram_simulator.params import read_params
from telegram_simulator.people import PlayError
from telegram_simulator.program import Telegram
from telegram_simulator.settings import TelegramSettings, is_token
from telegram_simulator.webhook import WebhookSender

GRACE_S = 1
# Longer than clients keep idle connections: a call must not meet a connection that is just being closed.
KEEP_ALIVE_S = 75
BACKLOG = 4096
BODY_BYTES_MAX = 52 * 1024 * 1024

Handler = Callable[[Request, Telegram], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class CutConnection(Response):
    """No answer: the TCP connection is closed under the request."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"]["transport"]
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue


def _check_token(request: Request, telegram: Telegram) -> None:
    """Raises TelegramError 404 for what is no token, and 401 for the token of another bot."""
    token: str = request.path_params["token"]
    if not is_token(token):
        raise TelegramError(404, "Not Found")
    if not hmac.compare_digest(token.encode(), telegram.settings.token.encode()):
        raise TelegramError(401, "Unauthorized")


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_BYTES_MAX:
            raise TelegramError(413, "Request Entity Too Large")
    return bytes(content)


async def _call(request: Request, telegram: Telegram) -> Response:
    """`/bot<token>/<method>`, by GET or POST."""
    _check_token(request, telegram)
    content_type = request.headers.get("content-type", "")
    params = await read_params(content_type, await _body(request), request.url.query)
    return await methods.answer(telegram, request.path_params["method"], params)


async def _download(request: Request, telegram: Telegram) -> Response:
    """`/file/bot<token>/<file_path>`."""
    _check_token(request, telegram)
    file = telegram.files.at_path(request.path_params["path"])
    content = None if file is None else await telegram.files.content(file)
    if content is None:
        raise TelegramError(404, "Not Found")
    return Response(content, media_type="application/octet-stream")


async def _unknown(_: Request, __: Telegram) -> Response:
    raise TelegramError(404, "Not Found")


def _guarded(handler: Handler, telegram: Telegram, *, is_control: bool = False) -> Endpoint:
    async def answered(request: Request) -> Response:
        try:
            refusal = control.refused_from_afar(request) if is_control else None
            return refusal or await handler(request, telegram)
        except TelegramError as error:
            return JSONResponse(error.envelope, error.code)
        except PlayError as error:
            return JSONResponse({"error": error.message}, error.status)
        except (ConnectionCut, ClientDisconnect):
            return CutConnection()

    async def endpoint(request: Request) -> Response:
        response = await answered(request)
        # What an answer tells of outlives a kill from before the answer leaves.
        telegram.store.commit()
        return response

    return endpoint


_CONTROL_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/users", control_people.list_users),
    ("POST", "/users", control_people.add_user),
    ("POST", "/users/{user_id:int}/text", control_people.text),
    ("POST", "/users/{user_id:int}/photo", control_people.photo),
    ("POST", "/users/{user_id:int}/tap", control_people.tap),
    ("POST", "/users/{user_id:int}/pay", control_people.pay),
    ("POST", "/users/{user_id:int}/block", control_people.block),
    ("POST", "/users/{user_id:int}/unblock", control_people.unblock),
    ("GET", "/chats", control.list_chats),
    ("GET", "/chats/{chat_id}", control.read_chat),
    ("GET", "/chats/{chat_id}/page", control.read_page),
    ("GET", "/files/{file_id}", control.read_file),
    ("GET", "/faults", control.list_faults),
    ("POST", "/faults", control.add_fault),
    ("DELETE", "/faults", control.clear_faults),
    ("GET", "/log", control.read_log),
    ("DELETE", "/log", control.clear_log),
    ("GET", "/star-transactions", control.list_transactions),
    ("POST", "/star-transactions/{charge_id}/refund", control.refund_elsewhere),
    ("GET", "/profile", control.read_profile),
    ("GET", "/updates", control.list_updates),
    ("POST", "/reset", control.reset),
]
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(telegram: Telegram) -> Starlette:
    """Return the application. Whoever serves it opens and closes the Telegram; `running_telegram` does all of it."""
    routes = [
        Route("/bot{token}/{method}", _guarded(_call, telegram), methods=["GET", "POST"]),
        Route("/file/bot{token}/{path:path}", _guarded(_download, telegram), methods=["GET"]),
    ]
    routes += [
        Route(f"/sim{path}", _guarded(handler, telegram, is_control=True), methods=[method])
        for method, path, handler in _CONTROL_ROUTES
    ]
    return Starlette(routes=[*routes, Route("/{path:path}", _guarded(_unknown, telegram), methods=_EVERY_METHOD)])


class ListenError(OSError):
    """An address cannot be listened on; the text says which and why."""


class _CuttableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, with the connection in `scope["state"]["transport"]` so that a fault can cut it."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = self.app_state | {"transport": transport}


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


class RunningTelegram:
    """A simulator being served: its address, and its state to look into."""

    def __init__(self, telegram: Telegram, url: str) -> None:
        self.telegram = telegram
        self.url = url


@asynccontextmanager
async def running_telegram(settings: TelegramSettings) -> AsyncIterator[RunningTelegram]:
    """Serve a Telegram in the current event loop while the block runs. Raises ListenError when the port is taken."""
    bound = bind(settings.host, settings.port)
    telegram = Telegram(settings)
    config = uvicorn.Config(
        create_app(telegram),
        http=_CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await telegram.open()
    await server.startup(sockets=[bound])
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(WebhookSender(telegram).run())
        try:
            yield RunningTelegram(telegram, _origin(settings.host, bound))
        finally:
            telegram.let_go()
            delivering.cancel()
            await server.shutdown(sockets=[bound])
            await telegram.close()


def _origin(host: str, bound: socket.socket) -> str:
    """Return the address a caller on this machine uses; a wildcard address is reached at loopback."""
    named: Any = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{named}:{bound.getsockname()[1]}"
