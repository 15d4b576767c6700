"""Routes that are asked so often that finding them, and what their endpoint takes, would cost more than the endpoint.

FastAPI declares and documents them like all others. An everyday request is read by a few lines that stand beside the endpoint
(`hot_for`), before FastAPI sees it (`HotRoutes`); whatever is not everyday, anything that would be refused above all, they leave to
FastAPI, which reads it anew and says what is wrong. Both call the one endpoint.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import RassomError
from app.core.exception_handlers import render_refusal

HotHandler = Callable[[Request], Awaitable[Response | None]]

_Model = TypeVar("_Model", bound=BaseModel)
_TELEGRAM_ID = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


class HotRoutes:
    """The innermost middleware: answers the everyday requests of hot routes and hands on all others.

    A request belongs to the route that the app would find for it, the first of `routes` that fits, hot or not.
    """

    def __init__(self, app: ASGIApp, *, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self._plain: dict[tuple[str, str], Route] = {}
        self._patterns: dict[str, list[Route]] = {}
        for route in (one for one in routes if isinstance(one, Route)):
            for method in route.methods or ():
                before = self._patterns.setdefault(method, [])
                if route.param_convertors:
                    before.append(route)
                elif not any(one.path_regex.match(route.path) for one in before):
                    self._plain.setdefault((method, route.path), route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        route = self._find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        hot: HotHandler | None = getattr(route.endpoint, "hot", None) if route is not None else None
        if route is None or hot is None:
            await self.app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = route, _params(route, scope["path"])
        request = Request(scope, receive, send)
        try:
            answer = await hot(request)
        except RassomError as error:
            answer = await render_refusal(request, error)
        await (self.app if answer is None else answer)(scope, receive, send)

    def _find(self, method: str, path: str) -> Route | None:
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain
        return next((route for route in self._patterns.get(method, ()) if route.path_regex.match(path)), None)


def _params(route: Route, path: str) -> dict[str, Any]:
    match = route.path_regex.match(path) if route.param_convertors else None
    return {name: route.param_convertors[name].convert(value) for name, value in match.groupdict().items()} if match else {}


def hot_for(endpoint: Callable[..., Any]) -> Callable[[HotHandler], HotHandler]:
    """Make the decorated function read everyday requests for `endpoint`; it gives None for others, before anything happens."""

    def attach(hot: HotHandler) -> HotHandler:
        endpoint.hot = hot  # type: ignore[attr-defined]  # a function's own notes
        return hot

    return attach


def as_json(answer: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The answer as FastAPI writes it."""
    content = type(answer).__pydantic_serializer__.to_json(answer)
    return Response(content, status, headers=headers, media_type="application/json")


def read_json(request: Request, model: type[_Model]) -> _Model | None:
    """The body, read by the body limit already; None when it is not plain JSON of this shape."""
    if request.headers.get("content-type") != "application/json":
        return None
    try:
        return model.model_validate(json.loads(request.state.body))
    except (ValidationError, ValueError, RecursionError):
        return None


def read_telegram_id(sent: str | None) -> int | None:
    """A person as a path or a query names them; None unless it is written the usual way."""
    return int(sent) if sent is not None and _TELEGRAM_ID.fullmatch(sent) else None
