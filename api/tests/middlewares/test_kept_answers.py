"""Answers from memory: only plain reads of what is the same for everybody, only while they are fresh, and never past a limit."""

import asyncio

import httpx2
import pytest

from app.core.config import Settings
from app.core.metrics import KEPT_ANSWERS
from simulator.server import RunningSimulator
from tests.factories import Shop, changed, open_shop

PATH = "/api/v1/models"


def kept() -> float:
    """How many answers came from memory so far."""
    return float(KEPT_ANSWERS.labels(path=PATH)._value.get())


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, rate_limit_enabled=False, cors_origins=["https://shop.example"])


class TestKeptAnswers:
    async def test_are_the_answer_of_the_usual_way(self, shop: Shop) -> None:
        usual = await shop.http.get("/models")
        before = kept()
        again = await shop.http.get("/models")

        assert kept() == before + 1
        assert (again.status_code, again.content) == (200, usual.content)
        own = {"date", "x-request-id"}
        assert {name: again.headers[name] for name in again.headers.keys() - own} == {
            name: usual.headers[name] for name in usual.headers.keys() - own
        }
        assert again.headers["X-Request-ID"] != usual.headers["X-Request-ID"]

    @pytest.mark.parametrize(
        "headers", [{"X-Request-ID": "mine"}, {"If-None-Match": '"old"'}, {"Origin": "https://shop.example"}], ids=str
    )
    async def test_are_not_for_who_asks_for_more(self, shop: Shop, headers: dict[str, str]) -> None:
        await shop.http.get("/models")
        before = kept()
        answer = await shop.http.get("/models", headers=headers)

        assert (answer.status_code, kept()) == (200, before)

    async def test_are_not_for_another_method(self, shop: Shop) -> None:
        await shop.http.get("/models")
        before = kept()
        answer = await shop.http.post("/models")

        assert (answer.status_code, kept()) == (405, before)

    async def test_end_with_their_freshness(self, shop: Shop) -> None:
        await shop.http.get("/models")
        before = kept()
        await asyncio.sleep(2.1)
        await shop.http.get("/models")

        assert kept() == before

    async def test_are_not_sent_past_a_limit(self, settings: Settings, simulator: RunningSimulator) -> None:
        limited = changed(settings, rate_limit_enabled=True, rate_limit_burst=3, rate_limit_rps=1)
        async with open_shop(limited, simulator) as shop, httpx2.AsyncClient(base_url=shop.base_url) as anybody:
            statuses = [(await anybody.get(PATH)).status_code for _ in range(6)]

        assert 429 in statuses
