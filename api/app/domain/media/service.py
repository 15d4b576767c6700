"""The verb of media: upload. A picture goes from the request through a temporary file to the provider, never whole in memory."""

import asyncio
import math
import tempfile
from collections.abc import AsyncIterator
from typing import IO

from app.core.errors import ProviderUnavailableError
from app.core.logging import get_logger
from app.domain.media import multipart, rules
from app.domain.media.errors import (
    UnsupportedMediaTypeError,
    UploadNotConfiguredError,
    UploadRefusedError,
    UploadTooLargeError,
)
from app.domain.media.rules import Picture
from app.domain.media.schemas import UploadRead
from app.provider.errors import BusyError, ProviderError
from app.provider.uploads import Upload, Uploads
from app.resources import Resources

RETRY_AFTER_S = 5

_log = get_logger(__name__)


async def upload(
    resources: Resources, *, content_type: str | None, content_length: str | None, body: AsyncIterator[bytes]
) -> UploadRead:
    """Read the form's picture, check it, and store it at the provider.

    Raises UploadNotConfiguredError, UnsupportedMediaTypeError, UploadTooLargeError, UploadInvalidError, UploadRefusedError,
    ProviderUnavailableError.
    """
    if resources.provider is None:
        raise UploadNotConfiguredError
    boundary = multipart.check_declared(content_type, content_length)
    with tempfile.SpooledTemporaryFile(max_size=multipart.MEMORY_BYTES_MAX) as file:
        received = await multipart.read_file(boundary, body, file)
        picture = await asyncio.to_thread(_require_picture, file, received.size)
        name = rules.clean_name(received.filename, picture.kind)
        sent = Upload(file, received.size, name, picture.kind.value)
        url = await _send(resources.provider.uploads, sent)
    _log.info("picture_uploaded", kind=picture.kind, size=received.size, pixels=picture.width * picture.height)
    return UploadRead(download_url=url, filename=name, size=received.size)


def _require_picture(file: IO[bytes], size: int) -> Picture:
    picture = rules.measure(file, size)
    if picture is None:
        raise UnsupportedMediaTypeError("The file's header is damaged or of another kind")
    if picture.has_too_many_pixels:
        sides = f"{picture.width} x {picture.height}"
        raise UploadTooLargeError(f"A picture has at most {rules.MEGAPIXELS_MAX} megapixels; this one says that it is {sides}.")
    return picture


async def _send(uploads: Uploads, picture: Upload) -> str:
    try:
        return await uploads.send(picture)
    except BusyError as error:
        wait_s = max(1, math.ceil(error.retry_after_s or RETRY_AFTER_S))
        raise ProviderUnavailableError("The image provider takes no upload at the moment.", retry_after_s=wait_s) from error
    except ProviderError as error:
        raise UploadRefusedError(error.reason) from error
