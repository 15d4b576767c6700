"""The simulator put together: state, task lives, drawing and webhooks, as the routes use them."""

import asyncio
from typing import Any

from simulator.answers import ConnectionCut
from simulator.artist import Artist
from simulator.lifecycle import Lifecycle
from simulator.predictions import Prediction, wire
from simulator.settings import SimulatorSettings
from simulator.state import SimulatorState
from simulator.webhooks import WebhookSender


class Simulator:
    """One simulator. `state` may be looked at freely; `open` and `close` belong to the running event loop."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.state = SimulatorState(settings)
        self.artist = Artist(self.state)
        self.webhooks = WebhookSender(self.state)
        self.lifecycle = Lifecycle(self.state, image_problem=self.artist.image_problem, on_end=self._announce)

    async def open(self) -> None:
        """Take up unfinished tasks and undelivered webhooks of an earlier run."""
        await self.webhooks.open()
        unsettled = [entry for entry in self.state.predictions.values() if entry.is_final and not entry.is_webhook_settled]
        for prediction in unsettled:
            self._announce(prediction)
        self.lifecycle.resume()

    async def close(self) -> None:
        """Let held requests go, stop timers, threads and webhooks, close the journal."""
        self.state.closing.set()
        self.lifecycle.close()
        await self.webhooks.close()
        self.artist.close()
        self.state.close()

    def _announce(self, prediction: Prediction) -> None:
        if prediction.webhook is not None:
            payload = self._wire(prediction, self.artist.addresses(prediction)) | {"input": prediction.inputs}
            self.webhooks.announce(prediction, payload)

    def _wire(self, prediction: Prediction, outputs: list[Any]) -> dict[str, Any]:
        return wire(prediction, outputs, self.state.url, legacy_fields=self.state.behaviour.legacy_fields)

    async def shown(self, prediction: Prediction) -> dict[str, Any]:
        """Return the prediction as the API shows it now."""
        return self._wire(prediction, await self.artist.outputs(prediction))

    async def hold(self, seconds: float) -> None:
        """Keep the request waiting; raises ConnectionCut when the simulator closes meanwhile."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.state.closing.wait()
        except TimeoutError:
            return
        raise ConnectionCut
