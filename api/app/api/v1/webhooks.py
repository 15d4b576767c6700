"""Callbacks from outside. Open: each carries a signature of its own."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.api.problems import problems
from app.deps.body import BodyDep
from app.deps.errors import BodyTimeoutError
from app.deps.resources import ResourcesDep
from app.domain.generations import callbacks
from app.domain.generations.errors import InvalidSignatureError, WebhookNotFoundError, WebhookTooLargeError

_ERRORS = problems(InvalidSignatureError, WebhookNotFoundError, BodyTimeoutError, WebhookTooLargeError)

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])

_PREDICTION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "title": "Prediction", "additionalProperties": True}}},
    }
}


class WebhookRead(BaseModel):
    """The webhook is genuine and has been noted."""

    status: Literal["ok"] = "ok"


@router.post(
    "/wavespeed/{token}", summary="The provider says that a picture has ended", openapi_extra=_PREDICTION, responses=_ERRORS
)
async def wavespeed(token: str, request: Request, body: BodyDep, resources: ResourcesDep) -> WebhookRead:
    """Signed by `webhook-id`, `webhook-timestamp` and `webhook-signature`. Moves nothing: it has the provider asked at once."""
    # A header sent twice is one value (RFC 9110, 5.2), which then fits no signature.
    headers = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
    await callbacks.receive(resources, token, headers=headers, body=body)
    return WebhookRead()
