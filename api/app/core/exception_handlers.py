"""One place where errors become answers: every error is an RFC 9457 problem, those of the framework too."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException  # noqa: TID251 - rendered here
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from app.core.errors import RassomError
from app.core.logging import get_logger
from app.core.metrics import REFUSALS
from app.schemas.problem import FieldError, Problem

MEDIA_TYPE = "application/problem+json"
FIELD_ERRORS_MAX = 50
FIELD_LENGTH_MAX = 300
_FRAMEWORK_CODES = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}

_log = get_logger(__name__)


def add_exception_handlers(app: FastAPI) -> None:
    """Render every expected error of this app; what is unexpected reaches the request-id middleware."""

    async def on_validation_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        details = error.errors()[:FIELD_ERRORS_MAX]
        errors = [FieldError(field=_field(detail["loc"]), message=_printable(detail["msg"])) for detail in details]
        return _render_invalid(request.scope, errors)

    async def on_framework_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, StarletteHTTPException):
            raise error
        if error.status_code == HTTPStatus.BAD_REQUEST and isinstance(error.__cause__, ValueError | RecursionError):
            # FastAPI's 400 for JSON that its parser gave up on: other encodings, numbers of 5,000 digits, endless nesting.
            return _render_invalid(request.scope, [FieldError(field="body", message="JSON decode error")])
        phrase = HTTPStatus(error.status_code).phrase
        code = _FRAMEWORK_CODES.get(error.status_code) or re.sub(r"\W+", "_", phrase.lower())
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_methods(app, request.scope))
        return render(request.scope, error.status_code, code, phrase, str(error.detail), headers=headers)

    app.add_exception_handler(RassomError, render_refusal)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(StarletteHTTPException, on_framework_error)


async def render_refusal(request: Request, error: Exception) -> Response:
    """An error of ours as an answer; the log says why nothing could be done. Raises what is none."""
    if not isinstance(error, RassomError):
        raise error
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("refused", code=error.code, detail=error.detail, cause=repr(error.__cause__)[:300])
    return render_error(request.scope, error)


def render_error(scope: Scope, error: RassomError) -> Response:
    """An expected refusal as an answer."""
    return render(scope, error.status, error.code, error.title, error.detail, members=error.members, headers=error.headers)


def render_internal_error(scope: Scope) -> Response:
    """The answer for what nobody expected: the request id finds the log, nothing else is told."""
    detail = "Something went wrong inside Rassom. The request id leads its operator to the reason."
    return render(scope, 500, "internal_error", "Internal error", detail)


def render(
    scope: Scope,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as an answer; `members` stand beside the standard ones and never replace them."""
    app = scope.get("app")
    docs_url = getattr(getattr(app, "state", None), "docs_url", "/docs")
    REFUSALS.labels(route=getattr(scope.get("route"), "path", "").removeprefix("/api/v1"), code=code).inc()
    problem = Problem(
        **{
            **(members or {}),
            "type": f"{docs_url}/errors#{code.replace('_', '-')}",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": scope.get("path", ""),
            "code": code,
            "request_id": scope.get("state", {}).get("request_id", ""),
        }
    )
    content = Problem.__pydantic_serializer__.to_json(problem)  # while too much comes at once, most answers are problems
    return Response(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _methods(app: FastAPI, scope: Scope) -> list[str]:
    """Every method of an address (RFC 9110, 15.5.6): the framework names those of the first route alone."""
    routes = [route for route in app.routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in route.methods or ()})


def _render_invalid(scope: Scope, errors: list[FieldError]) -> Response:
    detail = "; ".join(f"{item.field}: {item.message}" for item in errors)[:1000]
    members = {"errors": [item.model_dump() for item in errors]}
    return render(scope, 422, "validation_error", "The request is not valid", detail, members=members)


def _field(location: tuple[int | str, ...]) -> str:
    source, *rest = location
    return _printable(".".join(str(part) for part in rest) or str(source))


def _printable(text: str) -> str:
    """JSON may name half a character (a lone surrogate), which no UTF-8 answer can repeat."""
    return text[:FIELD_LENGTH_MAX].encode(errors="replace").decode()
