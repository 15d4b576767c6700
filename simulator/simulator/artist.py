"""From a prediction to its output: resolving references, drawing in a thread, keeping the bytes."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from simulator import catalogue
from simulator.addresses import is_web_address
from simulator.pictures import PictureOrder, Reference, draw
from simulator.predictions import Outcome, Prediction
from simulator.state import SimulatorState
from simulator.uploads import is_image

OUTPUT_FOLDER = "/predictions/"


def output_name(prediction: Prediction) -> str:
    """Return `1.png` or `1.jpeg`, as seen on a live host (protocol 7)."""
    return f"1.{catalogue.file_format(prediction.inputs)}"


class Artist:
    """Draws each output once, when somebody first asks for its bytes."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="artist")

    def image_problem(self, prediction: Prediction) -> Outcome | None:
        """Return the 1402 failure when a reference cannot be had (protocol 3, 5.3), else None.

        The simulator's own URLs must be known pictures and data URIs must decode. Other http(s) URLs pass unread: the
        simulator calls no outside host and draws them as labelled boxes.
        """
        for image in prediction.inputs.get("images", []):
            if not self._is_available(image):
                return Outcome.failure(1402)
        return None

    def _is_available(self, image: str) -> bool:
        if image.startswith("data:"):
            return _data_uri_bytes(image) is not None
        path = self._state.own_path(image)
        if path is None:
            return is_web_address(image)
        if self._own_prediction(path) is not None:
            return True
        content = self._uploaded(path)
        return content is not None and is_image(content)

    def _uploaded(self, path: str) -> bytes | None:
        return self._state.upload_bytes.find(path) if path in self._state.uploads else None

    def _own_prediction(self, path: str) -> Prediction | None:
        if not path.startswith(OUTPUT_FOLDER):
            return None
        prediction = self._state.find(path.removeprefix(OUTPUT_FOLDER).partition("/")[0])
        return prediction if prediction is not None and prediction.status == "completed" else None

    async def output_bytes(self, prediction: Prediction) -> bytes:
        """Return the encoded picture, drawn in a thread at the first call and kept."""
        name = f"{prediction.id}-{output_name(prediction)}"
        kept = self._state.output_bytes.find(name)
        if kept is not None:
            return kept
        width, height = catalogue.pixel_size(prediction.inputs)
        order = PictureOrder(
            width=width,
            height=height,
            file_format=catalogue.file_format(prediction.inputs),
            prompt=prediction.prompt,
            caption=f"{prediction.model}  {width} x {height}  {prediction.id[:8]}",
            references=[await self._reference(image) for image in prediction.inputs.get("images", [])],
        )
        drawn = await asyncio.get_running_loop().run_in_executor(self._threads, draw, order)
        self._state.output_bytes.put(name, drawn)
        return drawn

    async def _reference(self, image: str) -> Reference:
        if image.startswith("data:"):
            return Reference("data URI", _data_uri_bytes(image))
        path = self._state.own_path(image)
        if path is None:
            return Reference(image)
        earlier = self._own_prediction(path)
        if earlier is not None:
            return Reference(image, await self.output_bytes(earlier))
        return Reference(image, self._uploaded(path))

    def addresses(self, prediction: Prediction) -> list[Any]:
        """Return what `outputs` holds now without base64: empty before a success, then a URL (protocol 2.2)."""
        if prediction.status != "completed" or prediction.outcome.outputs in {"none", "null", "missing"}:
            return []
        url = f"{self._state.asset_url}{OUTPUT_FOLDER}{prediction.id}/{output_name(prediction)}"
        return [{"url": url}] if prediction.outcome.outputs == "objects" else [url]

    async def outputs(self, prediction: Prediction) -> list[Any]:
        """Return what `outputs` holds now: addresses, or bare base64 where the request asked for it (protocol 2.5)."""
        found = self.addresses(prediction)
        if found and prediction.wants_base64 and prediction.outcome.outputs == "pictures":
            return [base64.b64encode(await self.output_bytes(prediction)).decode()]
        return found

    def close(self) -> None:
        """Stop the drawing threads; pictures not begun are not drawn."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _data_uri_bytes(uri: str) -> bytes | None:
    head, comma, payload = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    try:
        content = base64.b64decode(payload, validate=True)
    except ValueError:
        return None
    return content if is_image(content) else None
