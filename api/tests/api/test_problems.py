"""Every error is a problem of RFC 9457 with all members of the contract, whoever raised it, and shows nothing of the inside."""

from typing import Any

import httpx2
import pytest

from app.core.config import Settings
from simulator.server import RunningSimulator
from tests.factories import Shop, an_order, changed, new_telegram_id, open_shop, written_log

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """The answer's problem; fails when it is none or not a whole one."""
    problem: dict[str, Any] = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(problem) >= MEMBERS
    assert problem["status"] == answer.status_code
    assert problem["instance"] == answer.request.url.path
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert problem["type"].endswith(f"/errors#{problem['code'].replace('_', '-')}")
    assert problem["title"]
    assert problem["detail"]
    return problem


class TestProblem:
    async def test_401_names_the_scheme(self, shop: Shop) -> None:
        answer = await shop.http.get("/users/1/balance", headers={"Authorization": ""})

        assert (answer.status_code, problem_of(answer)["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    async def test_401_comes_before_what_is_wrong_with_the_body(self, shop: Shop) -> None:
        for body in ("[]", '{"telegram_id": "x"}', "{}"):
            answer = await shop.http.post(
                "/generations/submit", content=body, headers={"Authorization": "", "Content-Type": "application/json"}
            )
            assert (answer.status_code, problem_of(answer)["code"]) == (401, "unauthorized"), body

    async def test_402_says_how_many_credits_there_are(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, trial_generations=0), simulator) as shop:
            answer = await shop.submit(new_telegram_id())

        problem = problem_of(answer)
        assert (answer.status_code, problem["code"], problem["balance"], problem["required"]) == (402, "insufficient_credits", 0, 1)

    async def test_404_of_an_unknown_path(self, shop: Shop) -> None:
        for path in ("/api/v1/nothing", "/api/v2/health", "/favicon.ico", "/api/v1/users//balance"):
            answer = await shop.http.get(f"{shop.base_url}{path}")
            assert (answer.status_code, problem_of(answer)["code"]) == (404, "not_found"), path

    async def test_405_names_every_method_of_the_address(self, shop: Shop) -> None:
        answer = await shop.http.delete("/users/1001/preferences")

        assert (answer.status_code, problem_of(answer)["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, PUT"

    async def test_404_of_a_user_a_generation_and_a_model(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        answers = [
            await shop.http.get(f"/users/{somebody}/balance"),
            await shop.http.get("/generations/1", params={"telegram_id": somebody}),
            await shop.submit(somebody, model_id=99),
        ]

        codes = [(answer.status_code, problem_of(answer)["code"]) for answer in answers]
        assert codes == [(404, "user_not_found"), (404, "generation_not_found"), (404, "model_not_found")]

    async def test_405_names_what_is_allowed(self, shop: Shop) -> None:
        answer = await shop.http.get("/generations/submit", params={"telegram_id": 1})
        deleted = await shop.http.delete("/models")

        assert answer.status_code in {405, 422}  # `submit` may be read as the id of a generation
        assert (deleted.status_code, problem_of(deleted)["code"]) == (405, "method_not_allowed")
        assert deleted.headers["Allow"] == "GET"

    async def test_409_names_the_running_generation(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await shop.order(somebody)

        answer = await shop.submit(somebody)

        problem = problem_of(answer)
        assert (answer.status_code, problem["code"]) == (409, "active_generation")
        assert (problem["active_request_id"], problem["active_public_id"]) == (generation["id"], generation["public_id"])

    async def test_422_names_every_wrong_field(self, shop: Shop) -> None:
        answer = await shop.http.post("/generations/submit", json={"telegram_id": "x", "prompt": "", "more": 1})

        problem = problem_of(answer)
        assert (answer.status_code, problem["code"]) == (422, "validation_error")
        assert {error["field"] for error in problem["errors"]} == {"telegram_id", "model_id", "prompt", "more"}
        assert all(error["message"] for error in problem["errors"])

    async def test_422_does_not_repeat_what_was_sent(self, shop: Shop) -> None:
        answer = await shop.http.post("/generations/submit", json={"telegram_id": "secret-words", "prompt": ["secret-words"]})

        assert "secret-words" not in answer.text

    async def test_503_without_a_provider(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, wavespeed_api_key=None), simulator) as shop:
            answer = await shop.submit(new_telegram_id())

        assert (answer.status_code, problem_of(answer)["code"]) == (503, "provider_not_configured")

    async def test_type_leads_to_the_public_documentation(self, settings: Settings, simulator: RunningSimulator) -> None:
        async with open_shop(changed(settings, public_base_url="https://shop.example"), simulator) as shop:
            answer = await shop.http.get("/users/1/balance")

        assert problem_of(answer)["type"] == "https://shop.example/docs/errors#user-not-found"


class TestInternalError:
    @pytest.fixture
    async def broken_shop(self, shop: Shop) -> Shop:
        """A shop that has lost a table it needs."""
        await shop.eyes.execute("ALTER TABLE generation_references RENAME TO hidden_away")
        return shop

    async def test_shows_nothing_of_the_inside(self, broken_shop: Shop) -> None:
        answer = await broken_shop.submit(new_telegram_id(), reference_urls=["https://pictures.example/1.png"])

        problem = problem_of(answer)
        assert (answer.status_code, problem["code"]) == (500, "internal_error")
        for inside in ("generation_references", "asyncpg", "sqlalchemy", "Traceback", "INSERT", "Error:", ".py"):
            assert inside not in answer.text

    async def test_leaves_nothing_half_done(self, broken_shop: Shop) -> None:
        somebody = await broken_shop.rich_user(2)
        await broken_shop.submit(somebody, reference_urls=["https://pictures.example/1.png"])

        assert await broken_shop.balance(somebody) == (2, 0)
        assert await broken_shop.eyes.fetchval("SELECT count(*) FROM generation_requests") == 0

    async def test_carries_the_request_id_and_is_logged_under_it(self, broken_shop: Shop) -> None:
        body = an_order(new_telegram_id(), reference_urls=["https://pictures.example/1.png"])
        with written_log() as log:
            answer = await broken_shop.http.post("/generations/submit", json=body, headers={"X-Request-ID": "trace-me"})

        assert answer.headers["X-Request-ID"] == "trace-me"
        assert "request_id=trace-me" in log.getvalue()
        assert "generation_references" in log.getvalue()

    async def test_keeps_the_prompt_out_of_the_log(self, shop: Shop) -> None:
        await shop.eyes.execute("ALTER TABLE generation_requests ADD CHECK (prompt <> 'a secret wish')")

        with written_log() as log:
            answer = await shop.submit(new_telegram_id(), prompt="a secret wish")

        assert answer.status_code == 500
        assert "CheckViolationError" in log.getvalue()
        assert "a secret wish" not in log.getvalue()
