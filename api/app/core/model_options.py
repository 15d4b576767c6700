"""What each model can be asked for: the one place of options.

A row of `model_catalog` names a model and sells it; its entry here says which parameters it takes and where the provider
serves it. Facts: the provider's model pages (paths, sides of 1024 to 4096 pixels, aspect ratios, resolutions, image counts).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

SIDE_MIN_PX = 1024
SIDE_MAX_PX = 4096

SIZES = (
    "2048*2048",
    "1024*1024",
    "1536*1536",
    "4096*4096",
    "1280*1024",
    "1024*1280",
    "1536*1024",
    "1024*1536",
    "2048*1536",
    "1536*2048",
    "2560*1440",
    "1440*2560",
    "4096*2304",
    "2304*4096",
)
ASPECT_RATIOS = ("1:1", "3:2", "2:3", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")


@dataclass(frozen=True)
class ModelOptions:
    """The parameters one model takes. Empty option tuples mean that the parameter is not supported.

    `defaults` are what the provider takes, by its documentation, for a parameter that is not sent; for one its pages name two.
    """

    text_to_image_path: str
    image_to_image_path: str
    reference_images_max: int
    size_options: tuple[str, ...] = ()
    aspect_ratio_options: tuple[str, ...] = ()
    resolution_options: tuple[str, ...] = ()
    defaults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, str]:
        """Where the provider serves it."""
        return self.text_to_image_path, self.image_to_image_path


MODEL_OPTIONS: dict[str, ModelOptions] = {
    "seedream-v4": ModelOptions(
        text_to_image_path="bytedance/seedream-v4",
        image_to_image_path="bytedance/seedream-v4/edit",
        reference_images_max=10,
        size_options=SIZES,
        defaults={"size": ("2048*2048",)},
    ),
    "nano-banana": ModelOptions(
        text_to_image_path="google/nano-banana/text-to-image",
        image_to_image_path="google/nano-banana/edit",
        reference_images_max=10,
        aspect_ratio_options=ASPECT_RATIOS,
        defaults={"output_format": ("png", "jpeg")},
    ),
    "nano-banana-pro": ModelOptions(
        text_to_image_path="google/nano-banana-pro/text-to-image",
        image_to_image_path="google/nano-banana-pro/edit",
        reference_images_max=14,
        aspect_ratio_options=ASPECT_RATIOS,
        resolution_options=("1k", "2k", "4k"),
        defaults={"resolution": ("1k",), "output_format": ("png", "jpeg")},
    ),
}
