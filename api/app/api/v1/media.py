"""Media: pictures on their way to the provider."""

from typing import Any

from fastapi import APIRouter, Request

from app.api.problems import problems
from app.core.errors import ProviderUnavailableError
from app.deps.body import BodyDep
from app.deps.caller import ActorDep
from app.deps.errors import BodyTimeoutError
from app.deps.resources import ResourcesDep
from app.domain.media import service as media
from app.domain.media.errors import (
    UnsupportedMediaTypeError,
    UploadInvalidError,
    UploadNotConfiguredError,
    UploadRefusedError,
    UploadTooLargeError,
)
from app.domain.media.schemas import UploadRead
from app.domain.users.errors import BannedError

_ERRORS = problems(
    BannedError,
    UploadNotConfiguredError,
    BodyTimeoutError,
    UploadTooLargeError,
    UnsupportedMediaTypeError,
    UploadInvalidError,
    UploadRefusedError,
    ProviderUnavailableError,
)

router = APIRouter(prefix="/api/v1/media", tags=["media"])

# Written by hand, because the form is read as it arrives and not by the framework.
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "title": "UploadForm",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "JPEG, PNG or WebP by its bytes; at most 20 MB and 40 megapixels",
                        }
                    },
                    "additionalProperties": False,
                }
            }
        },
    }
}


@router.post("/upload", summary="Store a picture to order with", openapi_extra=_FORM, responses=_ERRORS)
async def upload(request: Request, body: BodyDep, resources: ResourcesDep, _: ActorDep) -> UploadRead:
    """The address goes into an order's `reference_urls`. The provider keeps the picture for 7 days."""
    headers = request.headers
    return await media.upload(
        resources, content_type=headers.get("content-type"), content_length=headers.get("content-length"), body=body
    )
