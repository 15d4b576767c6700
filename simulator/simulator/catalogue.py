"""The six models: their request schemas, their prices, and the pixel size each request asks for (protocol 3)."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulator.settings import Behaviour

ASPECT_RATIOS = ["1:1", "3:2", "2:3", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
RESOLUTION_SCALE = {"1k": 1, "2k": 2, "4k": 4}
ONE_MEGAPIXEL = 1024 * 1024

_PROMPT = {"type": "string", "minLength": 1, "description": "What the picture shows."}
_SIZE = {"type": "string", "default": "2048*2048", "minimum": 1024, "maximum": 4096, "description": "W*H in pixels."}
_RATIO = {"type": "string", "enum": ASPECT_RATIOS, "description": "The aspect ratio of the picture."}
_FORMAT = {"type": "string", "default": "png", "enum": ["png", "jpeg"], "description": "The file format."}
_RESOLUTION = {"type": "string", "default": "1k", "enum": ["1k", "2k", "4k"], "description": "The picture's scale."}
_COMMON = {
    "enable_sync_mode": {"type": "boolean", "default": False, "description": "Hold the request. API only."},
    "enable_base64_output": {"type": "boolean", "default": False, "description": "Answer base64. API only."},
}


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its id, its own parameters, and its prices in USD; `prices` holds the resolutions that cost more."""

    model_id: str
    title: str
    base_price: Decimal
    parameters: dict[str, dict[str, Any]]
    prices: dict[str, Decimal]

    @property
    def is_edit(self) -> bool:
        """Whether the model takes reference images."""
        return "images" in self.parameters

    @property
    def request_schema(self) -> dict[str, Any]:
        """The JSON schema the catalogue shows and `schema.check` obeys."""
        return {
            "type": "object",
            "additionalProperties": False,
            "required": ["prompt", "images"] if self.is_edit else ["prompt"],
            "properties": self.parameters | _COMMON,
            "x-order-properties": list(self.parameters),
        }

    def price(self, inputs: dict[str, Any]) -> Decimal:
        """Return the list price of one run with these inputs; without inputs the base price (protocol 6)."""
        return self.prices.get(str(inputs.get("resolution", "")), self.base_price)


def _images(items_max: int) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": items_max}


def _family(
    ids: tuple[str, str], title: str, price: dict[str, str], own: dict[str, dict[str, Any]], images_max: int
) -> list[Model]:
    """Return the text model and its edit sibling; the price under "" is the base, the others are by resolution."""
    prices = {resolution: Decimal(amount) for resolution, amount in price.items() if resolution}
    parameters = {"prompt": _PROMPT} | own
    text_id, edit_id = ids
    return [
        Model(text_id, title, Decimal(price[""]), parameters, prices),
        Model(edit_id, f"{title} Edit", Decimal(price[""]), {"images": _images(images_max)} | parameters, prices),
    ]


MODELS: dict[str, Model] = {
    model.model_id: model
    for model in [
        *_family(("bytedance/seedream-v4", "bytedance/seedream-v4/edit"), "Seedream V4", {"": "0.027"}, {"size": _SIZE}, 10),
        *_family(
            ("google/nano-banana/text-to-image", "google/nano-banana/edit"),
            "Nano Banana",
            {"": "0.038"},
            {"aspect_ratio": _RATIO, "output_format": _FORMAT},
            10,
        ),
        *_family(
            ("google/nano-banana-pro/text-to-image", "google/nano-banana-pro/edit"),
            "Nano Banana Pro",
            {"": "0.14", "4k": "0.24"},
            {"aspect_ratio": _RATIO, "resolution": _RESOLUTION, "output_format": _FORMAT},
            14,
        ),
    ]
}


def charged(price: Decimal, behaviour: Behaviour) -> Decimal:
    """Return what a run costs after the account's discount: 100 is no discount (protocol 6)."""
    return price * Decimal(str(behaviour.discount_rate)) / 100


def entry(model: Model, server: str, sort_order: int) -> dict[str, Any]:
    """Return the model as `GET /models` lists it, in the recorded shape (protocol 6)."""
    shown: dict[str, Any] = {
        "model_id": model.model_id,
        "name": model.model_id,
        "base_price": float(model.base_price),
        "description": f"{model.title}, drawn by the Rassom simulator.",
        "type": "image-to-image" if model.is_edit else "text-to-image",
        "sort_order": sort_order,
        "api_schema": {
            "api_schemas": [
                {
                    "type": "model_run",
                    "method": "POST",
                    "server": server,
                    "api_path": f"/api/v3/{model.model_id}",
                    "request_schema": model.request_schema,
                }
            ]
        },
    }
    if model.prices:
        shown["formula"] = 'resolution = "4k" ? 0.24 : 0.14'
    return shown


def pixel_size(inputs: dict[str, Any]) -> tuple[int, int]:
    """Return width and height of the picture these checked inputs ask for.

    Seedream is exact (`size`); the others are drawn at the exact aspect ratio with about one megapixel per `1k`,
    four per `2k` and sixteen per `4k`. Without an aspect ratio the picture is square.
    """
    if "size" in inputs:
        width, _, height = str(inputs["size"]).partition("*")
        return int(width), int(height)
    across, _, down = str(inputs.get("aspect_ratio", "1:1")).partition(":")
    scale = RESOLUTION_SCALE[str(inputs.get("resolution", "1k"))]
    unit = round(scale * math.sqrt(ONE_MEGAPIXEL / (int(across) * int(down))))
    return int(across) * unit, int(down) * unit


def file_format(inputs: dict[str, Any]) -> str:
    """Return `png` or `jpeg`: what was asked for; Seedream has no choice and gives jpeg."""
    return str(inputs.get("output_format", "jpeg"))
