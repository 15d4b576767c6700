"""Generations over HTTP: what a submit answers, and every way to look at a generation afterwards."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.config import Settings
from app.domain.generations import queries
from app.domain.supply import service as supply
from simulator.server import RunningSimulator
from tests import running
from tests.conftest import SIMULATOR_KEY
from tests.factories import NANO_BANANA_PRO, Shop, changed, new_telegram_id, open_shop

GENERATION_FIELDS = {
    "id", "public_id", "user_id", "model_id", "model_key", "prompt", "status", "size", "aspect_ratio", "resolution", "style",
    "input_params", "references_count", "cost", "trial_used", "client_context", "queue_position", "error_code", "error_message",
    "created_at", "updated_at", "started_at", "completed_at",
}  # fmt: skip
PICTURES = ["https://pictures.example/b.png", "https://pictures.example/a.png"]


async def seen_by(shop: Shop, telegram_id: int, ref: object, what: str = "") -> Any:
    return (await shop.http.get(f"/generations/{ref}{what}", params={"telegram_id": telegram_id})).json()


class TestSubmit:
    async def test_answers_202_with_the_generation(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        answer = await shop.submit(
            somebody,
            model_id=NANO_BANANA_PRO,
            prompt="  a red door  ",
            aspect_ratio="16:9",
            resolution="4k",
            reference_urls=PICTURES,
            reference_file_ids=["file-b", "file-a"],
            client_context={"chat_id": -7},
        )

        body = answer.json()
        request = body["request"]
        assert answer.status_code == 202
        assert set(body) >= {"request", "job_id", "provider_job_id", "trial_used"}
        assert set(request) >= GENERATION_FIELDS
        assert (body["provider_job_id"], body["trial_used"], request["trial_used"], request["cost"]) == (None, True, True, 0)
        assert isinstance(body["job_id"], int)
        assert UUID(request["public_id"]).version == 7
        assert {name: request[name] for name in ("prompt", "size", "aspect_ratio", "resolution", "style", "model_key")} == {
            "prompt": "a red door",
            "size": None,
            "aspect_ratio": "16:9",
            "resolution": "4k",
            "style": None,
            "model_key": "nano-banana-pro",
        }
        assert request["input_params"] == {
            "aspect_ratio": "16:9",
            "resolution": "4k",
            "reference_urls": PICTURES,
            "reference_file_ids": ["file-b", "file-a"],
        }
        assert (request["references_count"], request["client_context"]) == (2, {"chat_id": -7})
        assert (request["status"], request["queue_position"]) == ("queued", 1)
        assert [request[name] for name in ("error_code", "error_message", "started_at", "completed_at")] == [None] * 4

    async def test_creates_a_user_unknown_so_far(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        body = (await shop.http.get(f"/users/{somebody}/balance")).json()

        assert body["user_id"] == generation["user_id"]

    async def test_holds_a_credit_when_the_trial_is_used(self, shop: Shop) -> None:
        somebody = await shop.rich_user(2)

        answer = (await shop.submit(somebody)).json()

        assert (answer["trial_used"], answer["request"]["cost"]) == (False, 1)
        assert await shop.balance(somebody) == (1, 1)

    async def test_names_the_place_in_the_queue(self, shop: Shop) -> None:
        people = [new_telegram_id() for _ in range(3)]

        assert [(await shop.order(one))["queue_position"] for one in people] == [1, 2, 3]

    async def test_names_no_place_beyond_the_last_one_counted(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "PLACES_COUNTED_MAX", 2)

        assert [(await shop.order(new_telegram_id()))["queue_position"] for _ in range(4)] == [1, 2, 3, 3]

    async def test_refuses_a_second_one_and_names_the_first(self, shop: Shop) -> None:
        somebody = await shop.rich_user(2)
        first = await shop.order(somebody)

        answer = await shop.submit(somebody)

        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["status"]) == (409, "active_generation", 409)
        assert (problem["active_request_id"], problem["active_public_id"]) == (first["id"], first["public_id"])
        assert await shop.balance(somebody) == (1, 1)

    async def test_refuses_without_credits_and_says_how_many_there_are(self, shop: Shop) -> None:
        somebody = await shop.rich_user(1)
        await shop.grant(somebody, -1)

        answer = await shop.submit(somebody)

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (402, "insufficient_credits")
        assert (problem["balance"], problem["required"]) == (0, 1)
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_requests") == 0

    async def test_refuses_a_price_above_the_clients_limit(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)

        answer = await shop.submit(somebody, max_price=0)

        assert (answer.status_code, answer.json()["code"], answer.json()["price"]) == (409, "price_changed", 1)
        assert await shop.balance(somebody) == (3, 0)
        assert (await shop.submit(somebody, max_price=1)).status_code == 202


class TestSubmitWithoutAProvider:
    async def test_is_503_before_anything_is_held(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, wavespeed_api_key=None), simulator) as shop:
            somebody = await shop.rich_user(3)
            answer = await shop.submit(somebody)

            assert (answer.status_code, answer.json()["code"]) == (503, "provider_not_configured")
            assert await shop.balance(somebody) == (3, 0)

    async def test_that_is_known_to_be_down_is_503_with_retry_after(self, settings: Settings, simulator: RunningSimulator) -> None:
        nowhere = changed(settings, wavespeed_api_base_url="http://127.0.0.1:9/api/v3")
        async with open_shop(nowhere, simulator) as shop:
            first, second = await shop.rich_user(3), await shop.rich_user(3)
            async with running.worker(nowhere):
                waiting, *_ = [await shop.order(who) for who in (first, *[await shop.rich_user(1) for _ in range(4)])]
                async with asyncio.timeout(10):
                    while (await shop.http.get("/ready")).json()["checks"]["provider"]["ok"]:
                        await asyncio.sleep(0.02)
                await asyncio.sleep(supply.FRESH_S)
                answer = await shop.submit(second)
            waiting = await seen_by(shop, first, waiting["id"])
            held = await shop.balance(first), await shop.balance(second)

        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
        assert 1 <= int(answer.headers["Retry-After"]) <= 10
        assert held == ((2, 1), (3, 0))
        assert waiting["status"] in {"queued", "running"}


class TestGet:
    async def test_takes_the_number_and_the_public_id(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        public_id = generation["public_id"]
        refs = (generation["id"], public_id, public_id.upper(), public_id.replace("-", ""))
        assert [await seen_by(shop, somebody, ref) for ref in refs] == [generation] * 4

    async def test_shows_times_of_what_happened(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()

        seen = await busy_shop.follow(await busy_shop.order(somebody), somebody)

        assert seen["created_at"] <= seen["started_at"] <= seen["completed_at"] <= seen["updated_at"]
        assert all(seen[name].endswith("Z") for name in ("created_at", "updated_at", "started_at", "completed_at"))
        assert seen["queue_position"] is None

    async def test_says_why_it_failed_and_nothing_of_the_provider(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()

        seen = await busy_shop.follow(await busy_shop.order(somebody, prompt="[sim:fail code=1402]"), somebody)

        assert (seen["status"], seen["error_code"]) == ("failed", "reference_unreadable")
        assert seen["error_message"]
        assert "1402" not in seen["error_message"]

    async def test_answers_for_anothers_as_for_none(self, shop: Shop) -> None:
        owner, other = new_telegram_id(), new_telegram_id()
        generation = await shop.order(owner)
        await shop.order(other)
        for what in ("", "/results"):
            for ref in (generation["id"], generation["public_id"], 999_999, uuid4()):
                answer = await shop.http.get(f"/generations/{ref}{what}", params={"telegram_id": other})
                assert (answer.status_code, answer.json()["code"]) == (404, "generation_not_found")
        for ref in (generation["id"], generation["public_id"], 999_999, uuid4()):
            answer = await shop.http.post(f"/generations/{ref}/refresh", json={"telegram_id": other})
            assert (answer.status_code, answer.json()["code"]) == (404, "generation_not_found")

    async def test_refuses_what_is_no_id(self, shop: Shop) -> None:
        for ref in ("0", "-1", "x", str(2**63), "1.5", "a" * 32 + "g"):
            answer = await shop.http.get(f"/generations/{ref}", params={"telegram_id": 1})
            assert (answer.status_code, answer.json()["code"]) in {(422, "validation_error"), (404, "not_found")}, ref

    async def test_needs_to_know_whose(self, shop: Shop) -> None:
        for params in ({}, {"telegram_id": ""}, {"telegram_id": "0"}, {"telegram_id": str(2**52)}):
            answer = await shop.http.get("/generations/1", params=params)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "telegram_id"), params


class TestActive:
    async def test_is_nulls_when_nothing_runs(self, shop: Shop) -> None:
        somebody = await shop.rich_user()

        answer = await shop.http.get("/generations/active", params={"telegram_id": somebody})

        nothing = dict.fromkeys(("request_id", "public_id", "status", "queue_position"))
        assert (answer.status_code, answer.json()) == (200, {"has_active": False, **nothing})

    async def test_names_what_runs(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        body = (await shop.http.get("/generations/active", params={"telegram_id": somebody})).json()

        assert body == {
            "has_active": True,
            "request_id": generation["id"],
            "public_id": generation["public_id"],
            "status": "queued",
            "queue_position": 1,
        }

    async def test_is_nulls_again_after_the_end(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        await busy_shop.follow(await busy_shop.order(somebody), somebody)

        body = (await busy_shop.http.get("/generations/active", params={"telegram_id": somebody})).json()

        assert body["has_active"] is False


class TestResults:
    async def test_are_none_until_it_has_completed(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        assert await seen_by(shop, somebody, generation["id"], "/results") == []

    async def test_are_none_when_it_failed(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        ended = await busy_shop.follow(await busy_shop.order(somebody, prompt="[sim:fail]"), somebody)

        assert await seen_by(busy_shop, somebody, ended["id"], "/results") == []

    async def test_are_the_providers_pictures(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        ended = await busy_shop.follow(await busy_shop.order(somebody), somebody)

        (submit,) = await busy_shop.submits_seen()
        key = {"Authorization": f"Bearer {SIMULATOR_KEY}"}
        task = await busy_shop.control.get(f"/../api/v3/predictions/{submit['prediction_id']}/result", headers=key)
        assert await seen_by(busy_shop, somebody, ended["public_id"], "/results") == task.json()["data"]["outputs"]

    async def test_keep_the_providers_order(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        ended = await busy_shop.follow(await busy_shop.order(somebody), somebody)
        await busy_shop.eyes.execute("DELETE FROM generation_results")
        for position, name in ((2, "c"), (0, "a"), (1, "b")):
            await busy_shop.eyes.execute(
                "INSERT INTO generation_results (generation_id, position, url) VALUES ($1, $2, $3)", ended["id"], position, name
            )

        assert await seen_by(busy_shop, somebody, ended["id"], "/results") == ["a", "b", "c"]
