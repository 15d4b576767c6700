"""Signing and sending webhooks, with retries and with the faults a receiver must survive (protocol 4.3)."""

import asyncio
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from simulator import clock
from simulator.fault_book import Hit, Moment
from simulator.predictions import Prediction
from simulator.state import SimulatorState

EVENT_ID_CHARS = 25
ANNOUNCED = frozenset({"completed", "failed"})
SUCCESS = range(200, 300)


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header: `v3,` and the hex HMAC over id, timestamp and body (protocol 4.3)."""
    key = secret.removeprefix("whsec_").encode()
    return f"v3,{hmac.new(key, f'{event_id}.{timestamp}.'.encode() + body, hashlib.sha256).hexdigest()}"


class WebhookSender:
    """Delivers each ended prediction's webhook in the background; every attempt is noted on the prediction."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._session: aiohttp.ClientSession | None = None
        self._group = asyncio.TaskGroup()
        self._sending: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Get ready to send; call inside the running loop."""
        await self._group.__aenter__()
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))

    async def close(self) -> None:
        """Give up what is still under way; a restart with the same state directory sends it again."""
        for task in self._sending:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        if self._session is not None:
            await self._session.close()

    def announce(self, prediction: Prediction, payload: dict[str, Any]) -> None:
        """Send the prediction to its webhook, if it has one and ended as completed or failed; returns at once."""
        if prediction.webhook is None or prediction.status not in ANNOUNCED:
            return
        task = self._group.create_task(self._deliver(prediction, prediction.webhook, payload))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, prediction: Prediction, url: str, payload: dict[str, Any]) -> None:
        moment = Moment("POST", urlsplit(url).path, prediction.model, prediction.prompt, prediction.id, prediction.id)
        faults = {hit.kind: hit for hit in self._state.faults.all("webhook", moment)}
        if "webhook_never" in faults:
            self._state.add_delivery(prediction, {"at": _now(), "url": url, "faults": sorted(faults), "is_sent": False})
        else:
            if "webhook_late" in faults:
                await asyncio.sleep(faults["webhook_late"].params["seconds"])
            copies = faults["webhook_duplicate"].params["copies"] if "webhook_duplicate" in faults else 1
            for _ in range(int(copies)):
                await self._send_with_retries(prediction, url, payload, faults)
        self._state.mark_webhook_settled(prediction)

    async def _send_with_retries(self, prediction: Prediction, url: str, payload: dict[str, Any], faults: dict[str, Hit]) -> None:
        behaviour = self._state.behaviour
        for attempt in range(behaviour.webhook_retries + 1):
            if attempt:
                await asyncio.sleep(behaviour.webhook_backoff_s * 2 ** (attempt - 1))
            delivery = await self._send(prediction, url, payload, faults)
            self._state.add_delivery(prediction, {"attempt": attempt + 1} | delivery)
            if delivery["status"] in SUCCESS:
                return

    async def _send(self, prediction: Prediction, url: str, payload: dict[str, Any], faults: dict[str, Hit]) -> dict[str, Any]:
        body = _body(payload, faults)
        headers = self._headers(prediction, body, faults)
        delivery = {"at": _now(), "url": url, "faults": sorted(faults), "is_sent": True, "headers": headers}
        timeout = aiohttp.ClientTimeout(total=self._state.behaviour.webhook_timeout_s or None)
        if self._session is None:
            raise RuntimeError("the webhook sender is not open")
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
                return delivery | {"status": answer.status, "error": None}
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return delivery | {"status": 0, "error": f"{type(error).__name__}: {error}"}

    def _headers(self, prediction: Prediction, body: bytes, faults: dict[str, Hit]) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if "webhook_unsigned" in faults:
            return headers
        timestamp = clock.unix_s()
        if "webhook_stale_timestamp" in faults:
            timestamp -= int(faults["webhook_stale_timestamp"].params["seconds"])
        event_id = prediction.id[:EVENT_ID_CHARS]
        signed = b"another body" if "webhook_bad_signature" in faults else body
        return headers | {
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._state.settings.webhook_secret, event_id, timestamp, signed),
        }


def _body(payload: dict[str, Any], faults: dict[str, Hit]) -> bytes:
    if "webhook_wrong_status" in faults:
        payload = payload | {"status": faults["webhook_wrong_status"].params["status"]}
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return body[: len(body) // 2] if "webhook_garbage" in faults else body


def _now() -> str:
    return clock.rfc3339(clock.now_ns())
