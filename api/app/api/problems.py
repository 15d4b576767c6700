"""How a route says which errors it answers: `responses=problems(UserNotFoundError)`.

What any route may answer is added in openapi.py.
"""

from http import HTTPStatus
from typing import Any

from app.core.errors import RassomError
from app.core.exception_handlers import MEDIA_TYPE
from app.schemas.problem import Problem

_HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": "The schemes that are taken"},
    429: {
        "Retry-After": "Seconds until the next request is taken",
        "RateLimit-Policy": "The burst (`q`) and the seconds in which it comes back (`w`)",
        "RateLimit": "What is left of it (`r`) and the seconds until all of it is back (`t`)",
    },
    503: {"Retry-After": "Seconds after which it is worth another try"},
}


def problems(*errors: type[RassomError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that raises these, by status, with an example for each code."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        explanation = (error.__doc__ or error.title).strip().splitlines()[0]
        add_problem(responses, error.status, error.code, error.title, explanation)
    return responses


def add_problem(responses: dict[Any, dict[str, Any]], status: int, code: str, title: str, explanation: str) -> None:
    """Add one code to the answers of its status; the code that is there already stays as it is."""
    response = responses.setdefault(str(status), {"description": "", "content": {}})
    response.setdefault("content", {})
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    content = response["content"].setdefault(MEDIA_TYPE, {"schema": schema, "examples": {}})
    if code in content["examples"]:
        return
    value = {
        "type": f"/docs/errors#{code.replace('_', '-')}",
        "title": title,
        "status": status,
        "detail": explanation,
        "instance": "/api/v1/…",
        "code": code,
        "request_id": "363a577d4121472383f8ee2981e70093",
    }
    if code == "validation_error":
        value["errors"] = [{"field": "prompt", "message": "Field required"}]
    content["examples"][code] = {"summary": title, "value": value}
    phrase = HTTPStatus(status).phrase
    response["description"] = f"{phrase}: {', '.join(f'`{each}`' for each in sorted(content['examples']))}"
    headers = _HEADERS.get(status, {})
    if headers:
        described = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
        response.setdefault("headers", {}).update(described)
