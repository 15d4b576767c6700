"""The catalogue as the outside sees it, and a quote as the rooms above use it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class ModelOptionsRead(BaseModel):
    """Which parameters a model takes and their variants."""

    supports_size: bool
    supports_aspect_ratio: bool
    supports_resolution: bool
    size_options: list[str]
    aspect_ratio_options: list[str]
    resolution_options: list[str]
    max_reference_images: int


class ModelRead(BaseModel):
    """A model on sale."""

    id: int
    key: str
    name: str
    provider: str
    supports_text_to_image: bool
    supports_image_to_image: bool
    supports_reference: bool
    supports_aspect_ratio: bool
    supports_style: bool
    is_active: bool
    created_at: datetime
    options: ModelOptionsRead


class PriceRead(BaseModel):
    """A price in credits for one generation."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    model_id: int
    currency: Literal["credit"]
    unit_price: int
    is_active: bool
    created_at: datetime


class CatalogueItem(BaseModel):
    """A model with its prices."""

    model: ModelRead
    prices: list[PriceRead]


@dataclass(frozen=True)
class Snapshot:
    """The public catalogue as it is sent: JSON and its entity tag."""

    body: bytes
    etag: str


class ModelRow(BaseModel):
    """A model as its operator sees it."""

    id: int
    key: str
    name: str
    is_active: bool
    price: int | None


@dataclass(frozen=True)
class Wish:
    """What a customer asks of a model; None and empty mean that it was not asked for."""

    model_id: int
    size: str | None
    aspect_ratio: str | None
    resolution: str | None
    reference_urls: tuple[str, ...]


@dataclass(frozen=True)
class Quote:
    """A wish that the model can fulfil, and its price."""

    model_id: int
    model_key: str
    price_credits: int
