"""Asking for an upload ticket, and the legacy upload in one request (protocol 4.1, 4.2)."""

from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from simulator import clock
from simulator.answers import ApiError, json_object, success
from simulator.faulty_answers import moment_of, struck
from simulator.program import Simulator
from simulator.uploads import UPLOAD_BYTES_MAX, Upload, new_upload


async def ticket(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/media/uploads`: a signed, single-use PUT on the second origin (protocol 4.1)."""
    wrong = await struck(simulator, "upload", moment_of(request))
    if wrong is not None:
        return wrong
    body = await json_object(request)
    filename, size, content_type = _declared(body)
    expires_ns = clock.now_ns() + round(simulator.state.behaviour.ticket_ttl_s * clock.NS_PER_S)
    upload = new_upload(filename, size, content_type, expires_ns=expires_ns)
    simulator.state.open_ticket(upload)
    put = {
        "method": "PUT",
        "url": f"{simulator.state.asset_url}/signed-upload?token={upload.token}",
        "headers": {"Content-Type": upload.content_type, "If-None-Match": "*"},
        "expires_at": clock.rfc3339_seconds(expires_ns),
    }
    return success(_stored(upload, simulator) | {"upload": put})


def _declared(body: dict[str, Any]) -> tuple[str, int, str | None]:
    filename, size, content_type = body.get("filename"), body.get("size"), body.get("content_type")
    if not isinstance(filename, str) or not filename:
        raise ApiError(400, 'field "filename" is required; please provide it')
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ApiError(400, 'field "size" must be the number of bytes; please provide it')
    if size > UPLOAD_BYTES_MAX:
        raise ApiError(413, "File size exceeds the 200 MB limit.")
    if content_type is not None and not isinstance(content_type, str):
        raise ApiError(400, 'field "content_type" must be a string; please use a string')
    _refuse_other_media(content_type)
    return PurePosixPath(filename).name, size, content_type


def _refuse_other_media(content_type: str | None) -> None:
    """`type` is image, video or audio (protocol 4.1); what a declared other type gets is inferred."""
    if content_type and content_type.partition("/")[0] not in {"image", "video", "audio"}:
        raise ApiError(400, f'unsupported content type "{content_type}"; please upload an image, video or audio file')


def _stored(upload: Upload, simulator: Simulator) -> dict[str, Any]:
    return {
        "type": upload.type,
        "download_url": f"{simulator.state.asset_url}{upload.path}",
        "filename": upload.filename,
        "size": upload.size,
    }


async def binary(request: Request, simulator: Simulator) -> Response:
    """`POST /api/v3/media/upload/binary`: multipart with the single field `file` (protocol 4.2)."""
    gone = simulator.state.behaviour.binary_upload_gone
    if gone is not None:
        raise ApiError(gone, "This endpoint is no longer available.")
    wrong = await struck(simulator, "upload", moment_of(request))
    if wrong is not None:
        return wrong
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(400, "send multipart/form-data with the field file")
    async with request.form(max_files=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(400, 'field "file" is required; please provide it')
        content = await file.read()
        _refuse_other_media(file.content_type)
        upload = new_upload(PurePosixPath(file.filename or "upload").name, len(content), file.content_type)
    if len(content) > UPLOAD_BYTES_MAX:
        raise ApiError(413, "File size exceeds the 200 MB limit.")
    simulator.state.store_upload(upload, content)
    return success(_stored(upload, simulator))
