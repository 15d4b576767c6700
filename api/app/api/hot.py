"""Routes that are asked so often that finding out what their endpoint takes would cost more than the endpoint.

FastAPI declares and documents them like all others. An everyday request is read by a few lines that stand beside the endpoint
(`hot_for`); whatever is not everyday, anything that would be refused above all, they leave to FastAPI, which reads it anew and says
what is wrong. Both call the one endpoint.
"""

import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

HotHandler = Callable[[Request], Awaitable[Response | None]]

_Model = TypeVar("_Model", bound=BaseModel)
_TELEGRAM_ID = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


class HotRoute(APIRoute):
    """A route whose endpoint may have a hot handler."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The hot handler first, when the endpoint has one."""
        usual, endpoint = super().get_route_handler(), self.endpoint

        async def handle(request: Request) -> Response:
            hot: HotHandler | None = getattr(endpoint, "hot", None)
            answer = await hot(request) if hot is not None else None
            return answer if answer is not None else await usual(request)

        return handle


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
