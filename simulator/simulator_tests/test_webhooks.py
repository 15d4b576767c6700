"""Webhooks: signature, payload, retries, and the faults a receiver must survive (protocol 4.3)."""

import asyncio
import json
import time
from typing import Any

import httpx2
import pytest

from simulator.settings import DEFAULT_WEBHOOK_SECRET
from simulator.webhooks import signature


def is_genuine(headers: dict[str, str], body: bytes) -> bool:
    wanted = signature(DEFAULT_WEBHOOK_SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    return headers["webhook-signature"] == wanted


@pytest.fixture
def deliveries(control: httpx2.AsyncClient) -> Any:
    async def of(prediction_id: str) -> list[dict[str, Any]]:
        found = (await control.get("/predictions")).json()["predictions"]
        return next(entry["deliveries"] for entry in found if entry["id"] == prediction_id)

    return of


class TestSignature:
    def test_is_the_vector_computed_from_the_documented_algorithm(self) -> None:
        body = b'{"id":"0f1e2d3c4b5a69788796a5b4c3d2e1f0","status":"completed"}'
        secret, event = "whsec_0123456789abcdef0123456789abcdef", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
        assert signature(secret, event, 1767225600, body) == "v3,744b92fb44cc8ef59ec460d41e55937bc36bd5896d6a4d0510c438626f70899d"


class TestWebhook:
    async def test_is_the_bare_prediction_with_its_input_properly_signed(
        self, submit: Any, until_final: Any, receiver: Any, deliveries: Any
    ) -> None:
        prediction_id = (await submit("hooked", webhook=receiver.url))["id"]
        [(headers, body)] = await receiver.wait(1)
        assert headers["content-type"] == "application/json"
        assert is_genuine(headers, body)
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 5
        payload = json.loads(body)
        assert payload.pop("input")["prompt"] == "hooked"
        assert payload == await until_final(prediction_id)
        await asyncio.sleep(0.05)
        assert [delivery["status"] for delivery in await deliveries(prediction_id)] == [200]

    async def test_tells_of_failures_too(self, submit: Any, receiver: Any) -> None:
        await submit("[sim:fail=5000]", webhook=receiver.url)
        [(_, body)] = await receiver.wait(1)
        assert (json.loads(body)["status"], json.loads(body)["code"]) == ("failed", 5000)

    async def test_is_sent_again_up_to_three_times(self, submit: Any, receiver: Any, deliveries: Any) -> None:
        receiver.statuses = [500, 503, 404, 500]
        prediction_id = (await submit(webhook=receiver.url))["id"]
        received = await receiver.wait(4)
        await asyncio.sleep(0.2)
        assert len(received) == 4
        assert len({headers["webhook-id"] for headers, _ in received}) == 1
        assert [delivery["status"] for delivery in await deliveries(prediction_id)] == [500, 503, 404, 500]

    async def test_stops_at_the_first_success(self, submit: Any, receiver: Any) -> None:
        receiver.statuses = [500, 204]
        await submit(webhook=receiver.url)
        await receiver.wait(2)
        await asyncio.sleep(0.15)
        assert len(receiver.received) == 2

    async def test_gives_up_on_a_dead_receiver(self, submit: Any, until_final: Any, deliveries: Any) -> None:
        prediction_id = (await submit(webhook="http://127.0.0.1:9/hook"))["id"]
        await until_final(prediction_id)
        await asyncio.sleep(0.3)
        assert [delivery["status"] for delivery in await deliveries(prediction_id)] == [0, 0, 0, 0]


class TestWebhookFaults:
    async def test_webhook_never_sends_none(self, submit: Any, until_final: Any, receiver: Any, deliveries: Any) -> None:
        prediction_id = (await submit("[sim:webhook_never]", webhook=receiver.url))["id"]
        await until_final(prediction_id)
        await asyncio.sleep(0.1)
        assert receiver.received == []
        assert [delivery["is_sent"] for delivery in await deliveries(prediction_id)] == [False]

    async def test_webhook_duplicate_sends_copies(self, submit: Any, receiver: Any) -> None:
        await submit("[sim:webhook_duplicate=3]", webhook=receiver.url)
        received = await receiver.wait(3)
        assert len({(headers["webhook-id"], body) for headers, body in received}) == 1

    async def test_webhook_late_waits(self, submit: Any, until_final: Any, receiver: Any) -> None:
        await until_final((await submit("[sim:webhook_late=0.2]", webhook=receiver.url))["id"])
        await asyncio.sleep(0.1)
        assert receiver.received == []
        await receiver.wait(1)

    async def test_webhook_bad_signature_does_not_fit(self, submit: Any, receiver: Any) -> None:
        await submit("[sim:webhook_bad_signature]", webhook=receiver.url)
        [(headers, body)] = await receiver.wait(1)
        assert not is_genuine(headers, body)

    async def test_webhook_unsigned_has_no_headers(self, submit: Any, receiver: Any) -> None:
        await submit("[sim:webhook_unsigned]", webhook=receiver.url)
        [(headers, _)] = await receiver.wait(1)
        assert not {"webhook-id", "webhook-timestamp", "webhook-signature"} & set(headers)

    async def test_webhook_stale_timestamp_is_signed_for_long_ago(self, submit: Any, receiver: Any) -> None:
        await submit("[sim:webhook_stale_timestamp]", webhook=receiver.url)
        [(headers, body)] = await receiver.wait(1)
        assert is_genuine(headers, body)
        assert time.time() - int(headers["webhook-timestamp"]) > 300

    async def test_webhook_garbage_is_signed_but_torn(self, submit: Any, receiver: Any) -> None:
        await submit("[sim:webhook_garbage]", webhook=receiver.url)
        [(headers, body)] = await receiver.wait(1)
        assert is_genuine(headers, body)
        with pytest.raises(ValueError, match=r"JSON|Unterminated|Expecting"):
            json.loads(body)

    async def test_webhook_wrong_status_contradicts_the_prediction(self, submit: Any, until_final: Any, receiver: Any) -> None:
        prediction_id = (await submit("[sim:webhook_wrong_status]", webhook=receiver.url))["id"]
        [(headers, body)] = await receiver.wait(1)
        assert is_genuine(headers, body)
        assert (json.loads(body)["status"], (await until_final(prediction_id))["status"]) == ("failed", "completed")
