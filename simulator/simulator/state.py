"""Everything the simulator knows: predictions, uploads, money, faults, and the journal that outlives a kill."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from simulator import clock
from simulator.blobs import Blobs
from simulator.fault_book import FaultBook
from simulator.journal import Journal
from simulator.predictions import REFUNDED, Prediction
from simulator.request_log import RequestLog
from simulator.settings import SimulatorSettings
from simulator.uploads import Upload

OUTPUTS_IN_MEMORY_MAX = 64
RETENTION_NS = 7 * 24 * 3600 * clock.NS_PER_S


class SimulatorState:
    """The simulator's memory. Changes go through its methods, so that the journal sees each of them."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.behaviour = settings.behaviour
        self.balance = settings.balance
        self.predictions: dict[str, Prediction] = {}
        self.submits: Counter[str] = Counter()
        self.uploads: dict[str, Upload] = {}
        self.tickets: dict[str, Upload] = {}
        self.origins: dict[str, None] = {}
        self.faults = FaultBook()
        self.log = RequestLog(settings.request_log_max)
        self.closing = asyncio.Event()
        self.url = settings.public_url or f"http://{settings.host}:{settings.port}"
        self.asset_url = settings.asset_url or f"http://{settings.host}:{settings.asset_port}"
        directory = settings.state_dir
        self.upload_bytes = Blobs(directory / "uploads" if directory else None)
        self.output_bytes = Blobs(directory / "outputs" if directory else None, OUTPUTS_IN_MEMORY_MAX)
        self._journal = Journal(directory / "journal.jsonl") if directory else None
        if self._journal is not None:
            for event in self._journal.replay():
                self._apply(event)

    def _write(self, event: str, **facts: object) -> None:
        if self._journal is not None:
            self._journal.write(event, **facts)

    def _apply(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "accepted":
                self._keep(Prediction.from_json(event["prediction"]))
            case "finished":
                prediction = self.predictions[event["id"]]
                prediction.status, prediction.finished_ns = event["status"], event["at_ns"]
                outcome = prediction.outcome
                outcome.status, outcome.code, outcome.error = event["status"], event["code"], event["error"]
                self._refund(prediction)
            case "started":
                self.predictions[event["id"]].started_ns = event["at_ns"]
            case "delivered":
                self.predictions[event["id"]].deliveries.append(event["delivery"])
            case "webhook_settled":
                self.predictions[event["id"]].is_webhook_settled = True
            case "deleted":
                self.predictions[event["id"]].is_deleted = True
            case "upload":
                self._know(Upload(**event["upload"]))
            case "balance":
                self.balance = Decimal(event["usd"])
            case "origin":
                self.origins[event["url"]] = None
            case unknown:
                raise ValueError(f"the journal holds an event of another version: {unknown}")

    def accept(self, prediction: Prediction) -> None:
        """Keep a new prediction and take its price from the balance."""
        self._write("accepted", prediction=prediction.to_json())
        self._keep(prediction)

    def _keep(self, prediction: Prediction) -> None:
        self.predictions[prediction.id] = prediction
        self.submits[prediction.fingerprint] += 1
        self.balance -= prediction.price

    def mark_started(self, prediction: Prediction) -> None:
        """Note that the task runs from now on."""
        prediction.status, prediction.started_ns = "processing", clock.now_ns()
        self._write("started", id=prediction.id, at_ns=prediction.started_ns)

    def mark_finished(self, prediction: Prediction) -> None:
        """Give the prediction its outcome; a failed or timed-out one gets its price back (protocol 5.3)."""
        outcome = prediction.outcome
        prediction.status, prediction.finished_ns = outcome.status, clock.now_ns()
        self._write(
            "finished",
            id=prediction.id,
            status=outcome.status,
            code=outcome.code,
            error=outcome.error,
            at_ns=prediction.finished_ns,
        )
        self._refund(prediction)

    def _refund(self, prediction: Prediction) -> None:
        if prediction.status in REFUNDED:
            self.balance += prediction.price

    def mark_deleted(self, prediction: Prediction) -> None:
        """Delete for good in the eyes of the API; /sim/predictions still shows it."""
        prediction.is_deleted = True
        self._write("deleted", id=prediction.id)

    def add_delivery(self, prediction: Prediction, delivery: dict[str, Any]) -> None:
        """Note one attempt to deliver the prediction's webhook."""
        prediction.deliveries.append(delivery)
        self._write("delivered", id=prediction.id, delivery=delivery)

    def mark_webhook_settled(self, prediction: Prediction) -> None:
        """Note that the webhook was delivered or given up: a restart does not send it again."""
        prediction.is_webhook_settled = True
        self._write("webhook_settled", id=prediction.id)

    def open_ticket(self, upload: Upload) -> None:
        """Keep an upload whose bytes are still to come."""
        self._write("upload", upload=upload.to_json())
        self._know(upload)

    def store_upload(self, upload: Upload, content: bytes) -> None:
        """Keep the bytes of an upload."""
        self.upload_bytes.put(upload.path, content)
        upload.is_stored = True
        self._write("upload", upload=upload.to_json())
        self._know(upload)

    def _know(self, upload: Upload) -> None:
        self.uploads[upload.path] = upload
        self.tickets[upload.token] = upload

    def set_balance(self, usd: Decimal) -> None:
        """Set the account's balance."""
        self.balance = usd
        self._write("balance", usd=str(usd))

    def set_origins(self, url: str, asset_url: str) -> None:
        """Announce where the two listeners are; earlier asset origins stay known as the simulator's own."""
        self.url, self.asset_url = url, asset_url
        self.origins.pop(asset_url, None)
        self.origins[asset_url] = None
        self._write("origin", url=asset_url)

    @property
    def last_asset_port(self) -> int:
        """The asset port of the last run with this state directory, 0 when there was none."""
        return urlsplit(next(reversed(self.origins))).port or 0 if self.origins else 0

    def own_path(self, url: str) -> str | None:
        """Return the path of a URL on the simulator's own asset origin, or None for another origin."""
        for origin in self.origins or {self.asset_url: None}:
            if url.startswith(f"{origin}/"):
                return url[len(origin) :]
        return None

    def find(self, prediction_id: str) -> Prediction | None:
        """Return the prediction the API still knows, or None."""
        prediction = self.predictions.get(prediction_id)
        return None if prediction is None or prediction.is_gone else prediction

    def visible(self) -> list[Prediction]:
        """Return the predictions of the last seven days the API still knows, newest first (protocol 6, 7)."""
        oldest_ns = clock.now_ns() - RETENTION_NS
        known = reversed(self.predictions.values())
        return [entry for entry in known if entry.created_ns >= oldest_ns and not entry.is_gone]

    def close(self) -> None:
        """Let every held request go and close the journal."""
        self.closing.set()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
