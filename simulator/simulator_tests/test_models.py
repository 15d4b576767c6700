"""The catalogue and its prices (protocol 3, 6)."""

from typing import Any

import httpx2
import pytest

PRO = "google/nano-banana-pro/text-to-image"


class TestModels:
    async def test_are_a_bare_array_in_the_recorded_shape(self, api: httpx2.AsyncClient) -> None:
        entries = (await api.get("/models")).json()["data"]
        assert len(entries) == 6
        edit = next(entry for entry in entries if entry["model_id"] == "google/nano-banana/edit")
        assert (edit["base_price"], edit["type"]) == (0.038, "image-to-image")
        run = edit["api_schema"]["api_schemas"][0]
        assert (run["type"], run["method"], run["api_path"]) == ("model_run", "POST", "/api/v3/google/nano-banana/edit")
        request = run["request_schema"]
        assert (request["additionalProperties"], request["required"]) == (False, ["prompt", "images"])
        assert (request["properties"]["images"]["minItems"], request["properties"]["images"]["maxItems"]) == (1, 10)
        assert request["x-order-properties"][0] == "images"

    async def test_can_be_read_one_by_one(self, api: httpx2.AsyncClient) -> None:
        assert (await api.get(f"/models/{PRO}")).json()["data"]["model_id"] == PRO
        assert (await api.get(f"/models/{PRO.replace('/', '%2F')}")).json()["data"]["model_id"] == PRO
        assert (await api.get("/models/no/such")).status_code == 404


class TestPrice:
    @pytest.mark.parametrize(
        ("model", "inputs", "price"),
        [
            ("bytedance/seedream-v4", {"size": "4096*4096"}, 0.027),
            ("google/nano-banana/edit", {}, 0.038),
            (PRO, {}, 0.14),
            (PRO, {"resolution": "2k"}, 0.14),
            (PRO, {"resolution": "4k", "model_seed": 3}, 0.24),
        ],
    )
    async def test_is_the_list_price(self, api: httpx2.AsyncClient, model: str, inputs: Any, price: float) -> None:
        answer = await api.post("/model/price", json={"model_id": model, "inputs": inputs})
        assert answer.json()["data"] == {
            "model_id": model,
            "price": price,
            "discounted_price": price,
            "discount_rate": 100,
            "currency": "USD",
        }
        legacy = (await api.post("/model/pricing", json={"model_id": model, "inputs": inputs})).json()["data"]
        assert legacy == {"model_id": model, "unit_price": price, "currency": "USD"}

    async def test_shows_the_discount_the_account_has(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient) -> None:
        await control.put("/config", json={"discount_rate": 90})
        data = (await api.post("/model/price", json={"model_id": PRO})).json()["data"]
        assert (data["price"], data["discounted_price"], data["discount_rate"]) == (0.14, 0.126, 90)

    async def test_refuses_unknown_models_and_bad_values_in_the_recorded_wording(self, api: httpx2.AsyncClient) -> None:
        unknown = await api.post("/model/price", json={"model_id": "no/such-model"})
        assert unknown.json() == {
            "code": 404,
            "message": 'Model "no/such-model" not found. Please check the model identifier.',
        }
        bad = await api.post("/model/price", json={"model_id": PRO, "inputs": {"resolution": "bogus"}})
        assert bad.status_code == 400
        assert bad.json()["message"].endswith('got string "bogus"; please use one of the allowed values')
        assert (await api.post("/model/price", json={"model_id": PRO, "inputs": [1]})).status_code == 400
