"""Submitting: the envelope, the order of refusals, the recorded wording (protocol 2.1, 5.1)."""

import re
from typing import Any

import httpx2
import pytest

NANO = "/google/nano-banana/text-to-image"
PRO = "/google/nano-banana-pro/text-to-image"
MODELS = [
    ("bytedance/seedream-v4", {}),
    ("bytedance/seedream-v4/edit", {"images": ["https://example.com/a.png"]}),
    ("google/nano-banana/text-to-image", {}),
    ("google/nano-banana/edit", {"images": ["https://example.com/a.png"]}),
    ("google/nano-banana-pro/text-to-image", {}),
    ("google/nano-banana-pro/edit", {"images": ["https://example.com/a.png"]}),
]


class TestSubmit:
    @pytest.mark.parametrize(("model", "more"), MODELS)
    async def test_accepts_each_of_the_six_models(self, api: httpx2.AsyncClient, model: str, more: dict[str, Any]) -> None:
        answer = await api.post(f"/{model}", json={"prompt": "a lake", **more})
        body = answer.json()
        assert (answer.status_code, body["code"], body["message"]) == (200, 200, "success")
        assert body["data"]["status"] == "created"
        assert body["data"]["model"] == model
        assert re.fullmatch("[0-9a-f]{32}", body["data"]["id"])
        assert body["data"]["urls"]["get"].endswith(f"/api/v3/predictions/{body['data']['id']}/result")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", body["data"]["created_at"])

    @pytest.mark.parametrize("headers", [{"Authorization": "Bearer wrong"}, {"Authorization": ""}, {"Authorization": "wrong"}])
    async def test_refuses_a_wrong_or_missing_key_before_anything_else(
        self, api: httpx2.AsyncClient, headers: dict[str, str]
    ) -> None:
        answer = await api.post("/no/such-model", headers=headers, content=b"{")
        assert answer.status_code == 401
        assert answer.json()["code"] == 401
        assert answer.json()["message"].startswith("Invalid API key. Verify the key on your dashboard")

    async def test_refuses_an_unknown_model_with_404_before_reading_the_body(self, api: httpx2.AsyncClient) -> None:
        answer = await api.post("/no/such-model", content=b"{")
        assert answer.status_code == 404
        assert answer.json() == {
            "code": 404,
            "message": 'Model "no/such-model" not found. Please check the model identifier.',
        }

    @pytest.mark.parametrize(
        ("path", "body", "message"),
        [
            (
                NANO,
                {"prompt": "x", "output_format": "bogus"},
                'field "output_format" must be one of ["png", "jpeg"], got string "bogus"; please use one of the allowed values',
            ),
            (
                PRO,
                {"prompt": "x", "resolution": "8k"},
                'field "resolution" must be one of ["1k", "2k", "4k"], got string "8k"; please use one of the allowed values',
            ),
            (NANO, {}, 'field "prompt" is required; please provide it'),
            (NANO, {"prompt": 5}, 'field "prompt" must be a string, got number 5; please use a string'),
            (NANO, {"prompt": None}, 'field "prompt" must be a string, got null; please use a string'),
            (NANO, {"prompt": ""}, 'field "prompt" must have at least 1 characters, got string ""; please write some'),
            (
                NANO,
                {"prompt": "x", "enable_sync_mode": "yes"},
                'field "enable_sync_mode" must be a boolean, got string "yes"; please use a boolean',
            ),
            ("/google/nano-banana/edit", {"prompt": "x"}, 'field "images" is required; please provide it'),
            (
                "/google/nano-banana/edit",
                {"prompt": "x", "images": []},
                'field "images" must have at least 1 items, got 0; please add some',
            ),
            (
                "/google/nano-banana/edit",
                {"prompt": "x", "images": ["https://example.com/a"] * 11},
                'field "images" must have at most 10 items, got 11; please remove some',
            ),
            (
                "/google/nano-banana/edit",
                {"prompt": "x", "images": [{}]},
                'field "images" must hold strings, got object; please use strings',
            ),
        ],
    )
    async def test_refuses_a_body_that_breaks_the_schema(
        self, api: httpx2.AsyncClient, path: str, body: dict[str, Any], message: str
    ) -> None:
        answer = await api.post(path, json=body)
        assert (answer.status_code, answer.json()) == (400, {"code": 400, "message": message})

    @pytest.mark.parametrize("size", ["1023*2048", "2048*4097", "2048x2048", "2048", "1024*1024*1", "-1*2"])
    async def test_refuses_a_seedream_size_outside_its_bounds(self, api: httpx2.AsyncClient, size: str) -> None:
        answer = await api.post("/bytedance/seedream-v4", json={"prompt": "x", "size": size})
        assert answer.status_code == 400
        assert f'got string "{size}"' in answer.json()["message"]

    @pytest.mark.parametrize("content", [b"{", b"[]", b'"text"', b'{"prompt": NaN}', b'{"prompt": "\\ud800"}', b"[" * 100_000])
    async def test_refuses_a_body_that_is_no_json_object(self, api: httpx2.AsyncClient, content: bytes) -> None:
        assert (await api.post(NANO, content=content)).status_code == 400

    async def test_takes_fourteen_references_for_pro_edit(self, api: httpx2.AsyncClient) -> None:
        images = ["https://example.com/a.png"] * 14
        answer = await api.post("/google/nano-banana-pro/edit", json={"prompt": "x", "images": images})
        assert answer.status_code == 200

    async def test_drops_unknown_keys_unless_told_to_reject_them(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient
    ) -> None:
        accepted = await api.post(NANO, json={"prompt": "unknown key", "seed": 5})
        kept = (await control.get("/predictions", params={"prompt": "unknown key"})).json()["predictions"][-1]
        assert accepted.status_code == 200
        assert "seed" not in kept["input"]
        await control.put("/config", json={"unknown_keys": "reject"})
        refused = await api.post(NANO, json={"prompt": "x", "seed": 5})
        assert (refused.status_code, refused.json()["message"]) == (
            400,
            'field "seed" is not allowed; please remove it',
        )

    async def test_refuses_base64_with_a_webhook_outside_the_envelope(self, api: httpx2.AsyncClient) -> None:
        answer = await api.post(
            NANO, json={"prompt": "x", "enable_base64_output": True}, params={"webhook": "https://example.com/hook"}
        )
        assert answer.status_code == 400
        assert answer.json() == {
            "error": "webhook callback does not support base64 output, please use the normal API to use base64 output"
        }

    @pytest.mark.parametrize("webhook", ["ftp://x", "https://", "http://[", "hook", ""])
    async def test_refuses_a_webhook_that_is_no_url(self, api: httpx2.AsyncClient, webhook: str) -> None:
        assert (await api.post(NANO, json={"prompt": "x"}, params={"webhook": webhook})).status_code == 400

    async def test_checks_the_schema_before_the_credit_and_the_credit_before_the_limit(
        self, api: httpx2.AsyncClient, control: httpx2.AsyncClient
    ) -> None:
        await control.put("/config", json={"balance": 0, "concurrency_limit": 0, "over_limit": "429"})
        assert "required" in (await api.post(NANO, json={})).json()["message"]
        poor = await api.post(NANO, json={"prompt": "x"})
        assert (poor.status_code, poor.json()["message"]) == (
            400,
            "Insufficient credits. Please top up your account to continue.",
        )
        await control.put("/config", json={"balance": 1})
        assert (await api.post(NANO, json={"prompt": "x"})).status_code == 429

    async def test_answers_404_in_the_envelope_outside_the_api(self, api: httpx2.AsyncClient) -> None:
        answer = await api.get("/nothing/here")
        assert (answer.status_code, answer.json()["code"]) == (404, 404)
