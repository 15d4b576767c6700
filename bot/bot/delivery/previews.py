"""A picture small enough for Telegram to show: at most 10 MB, and not wider than it shows anyway."""

import asyncio
import io

from PIL import Image

PHOTO_MAX_BYTES = 9_500_000
SIDES_SUM_MAX = 10_000
PREVIEW_SIDE_PX = 2560


async def preview(picture: bytes) -> bytes | None:
    """The picture as it is, or a smaller JPEG of it; None when it cannot be read."""
    return await asyncio.to_thread(_preview, picture)


def _preview(picture: bytes) -> bytes | None:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            if len(picture) <= PHOTO_MAX_BYTES and image.width + image.height <= SIDES_SUM_MAX:
                return picture
            image.thumbnail((PREVIEW_SIDE_PX, PREVIEW_SIDE_PX))
            smaller = io.BytesIO()
            image.convert("RGB").save(smaller, "JPEG", quality=90)
    except (OSError, Image.DecompressionBombError):
        return None
    return smaller.getvalue()
