"""Uploads as the outside sees them, and the picture on its way from the request to the provider."""

from dataclasses import dataclass
from typing import IO

from pydantic import BaseModel, Field


class UploadRead(BaseModel):
    """A stored picture. The provider keeps it 7 days."""

    download_url: str = Field(
        description="Send it as one of `reference_urls`", examples=["https://cdn.example.com/media/picture.png"]
    )
    filename: str = Field(description="Cleaned, with the ending of the real type", examples=["picture.png"])
    size: int = Field(description="Bytes", examples=[48213])


@dataclass(frozen=True)
class Received:
    """The file of a form: its bytes in a temporary file, and the name that the client gave it."""

    file: IO[bytes]
    size: int
    filename: str
