"""The OpenAPI schema: FastAPI's own, with the errors that any operation may answer, all of them as problems."""

from collections.abc import Callable, Collection
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.api.problems import add_problem, problems
from app.core.errors import RassomError, ServiceUnavailableError
from app.deps.errors import BodyTimeoutError, ForbiddenError, PayloadTooLargeError, RateLimitedError, UnauthorizedError
from app.schemas.problem import FieldError, Problem

_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
_REF = "#/components/schemas/{model}"


def describe(app: FastAPI, *, unlimited: Collection[str]) -> Callable[[], dict[str, Any]]:
    """What `app.openapi` is to be; paths below `unlimited` are never answered with 429."""
    of_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = of_fastapi()
            _add_models(schema)
            for path, operations in schema["paths"].items():
                is_limited = not any(path == root or path.startswith(f"{root}/") for root in unlimited)
                for operation in operations.values():
                    _add_problems(operation, is_limited=is_limited)
            app.openapi_schema = schema
        return app.openapi_schema

    return openapi


def _add_models(schema: dict[str, Any]) -> None:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in _OF_FASTAPI:
        schemas.pop(name, None)
    _, definitions = models_json_schema([(Problem, "serialization"), (FieldError, "serialization")], ref_template=_REF)
    schemas.update(definitions["$defs"])


def _add_problems(operation: dict[str, Any], *, is_limited: bool) -> None:
    responses = operation["responses"]
    of_fastapi = responses.get("422", {}).get("content", {})
    if "application/json" in of_fastapi:
        responses.pop("422")
    errors: list[type[RassomError]] = []
    if operation.get("security"):
        errors += [UnauthorizedError, ForbiddenError]
    if "requestBody" in operation:
        errors += [BodyTimeoutError, PayloadTooLargeError]
    if is_limited:
        errors.append(RateLimitedError)
    if "application/json" not in responses.get("503", {}).get("content", {}):
        errors.append(ServiceUnavailableError)
    for status, response in problems(*errors).items():
        for code, example in response["content"]["application/problem+json"]["examples"].items():
            add_problem(responses, int(status), code, example["summary"], example["value"]["detail"])
    if "requestBody" in operation or "parameters" in operation:
        add_problem(responses, 422, "validation_error", "The request is not valid", "prompt: Field required")
    add_problem(responses, 500, "internal_error", "Internal error", "Something went wrong inside Rassom.")
    operation["responses"] = dict(sorted(responses.items(), key=lambda item: str(item[0])))
