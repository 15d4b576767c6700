"""History, bills and prices of the provider, as the client reads them: whole, tolerant of what is missing, strict with the rest."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from app.provider import client as provider_client
from app.provider.client import ProviderClient
from app.provider.errors import BusyError
from app.provider.history import read_bills, read_page, read_price
from app.provider.wire import Order, Task
from simulator.server import RunningSimulator
from tests.conftest import SIMULATOR_KEY
from tests.factories import NO_TLS

PATH = "bytedance/seedream-v4"
OTHER = "google/nano-banana/text-to-image"


@pytest.fixture
async def provider(simulator: RunningSimulator) -> AsyncIterator[ProviderClient]:
    async with ProviderClient(f"{simulator.url}/api/v3", SIMULATOR_KEY, submit_timeout_s=5) as client:
        yield client


@pytest.fixture
def since() -> datetime:
    return datetime.now(UTC) - timedelta(milliseconds=2)


async def make(provider: ProviderClient, prompt: str, path: str = PATH) -> Task:
    return await provider.submit(Order(path, {"prompt": prompt, "enable_sync_mode": True}))


async def control(simulator: RunningSimulator, path: str, method: str = "POST", **body: Any) -> None:
    async with httpx2.AsyncClient(base_url=f"{simulator.url}/sim", verify=NO_TLS) as sim:
        (await sim.request(method, path, json=body)).raise_for_status()


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


class TestHistory:
    async def test_of_a_model_has_what_was_sent_and_what_became_of_it(self, provider: ProviderClient, since: datetime) -> None:
        made = await make(provider, "in the history")
        await make(provider, "of another model", OTHER)

        (found,) = await provider.list_history(PATH, after=since, before=soon())

        assert found.task == made
        assert (found.inputs["prompt"], found.task.model) == ("in the history", PATH)
        assert since <= found.created_at <= soon()

    @pytest.mark.parametrize("has_total", [True, False])
    async def test_is_read_over_all_its_pages(
        self, provider: ProviderClient, simulator: RunningSimulator, since: datetime, monkeypatch: Any, has_total: bool
    ) -> None:
        await control(simulator, "/config", "PUT", history_total=has_total)
        monkeypatch.setattr("app.provider.history.PAGE_SIZE", 2)
        made = [(await make(provider, f"page {number}")).id for number in range(5)]

        found = await provider.list_history(PATH, after=since, before=soon())

        assert [one.task.id for one in found] == made[::-1]

    async def test_longer_than_we_read_lacks_the_oldest(self, provider: ProviderClient, since: datetime, monkeypatch: Any) -> None:
        monkeypatch.setattr("app.provider.history.PAGE_SIZE", 1)
        monkeypatch.setattr(provider_client, "HISTORY_PAGES_MAX", 2)
        made = [(await make(provider, f"page {number}")).id for number in range(3)]

        found = await provider.list_history(PATH, after=since, before=soon())

        assert [one.task.id for one in found] == made[:0:-1]

    async def test_of_another_time_lacks_it(self, provider: ProviderClient, since: datetime) -> None:
        late = await make(provider, "too late")
        found = await provider.list_history(PATH, after=since - timedelta(hours=1), before=since)
        assert late.id not in {one.task.id for one in found}

    @pytest.mark.parametrize(
        "kind", ["history_cut", "history_429", "history_500", "history_502", "history_html", "api_garbage", "api_envelope_error"]
    )
    async def test_that_fails_says_so(
        self, provider: ProviderClient, simulator: RunningSimulator, since: datetime, kind: str
    ) -> None:
        await control(simulator, "/faults", kind=kind)
        with pytest.raises(BusyError):
            await provider.list_history(PATH, after=since, before=soon())


class TestCosts:
    async def test_are_what_was_billed_less_what_was_refunded(self, provider: ProviderClient, since: datetime) -> None:
        good, bad = await make(provider, "billed"), await make(provider, "refunded [sim:fail=1405]")
        await make(provider, "not asked for")

        costs = await provider.list_costs([good.id, bad.id], after=since, before=soon())

        assert costs == {good.id: Decimal("0.027"), bad.id: Decimal(0)}

    async def test_of_a_model_are_what_is_charged(self, provider: ProviderClient, simulator: RunningSimulator) -> None:
        await control(simulator, "/config", "PUT", discount_rate=50)
        assert await provider.price_of(PATH, {"prompt": "a door"}) == Decimal("0.0135")

    @pytest.mark.parametrize("kind", ["api_500", "api_html", "api_cut"])
    async def test_that_cannot_be_had_are_said_so(self, provider: ProviderClient, simulator: RunningSimulator, kind: str) -> None:
        await control(simulator, "/faults", kind=kind, times=None)
        asks: list[Callable[[], Awaitable[object]]] = [
            lambda: provider.list_costs(["x"], after=soon(), before=soon()),
            lambda: provider.price_of(PATH, {}),
        ]
        for ask in asks:
            with pytest.raises(BusyError):
                await ask()


class TestReading:
    @pytest.mark.parametrize("data", [None, [], "x", {}, {"items": None}, {"items": {}}])
    def test_refuses_what_is_no_list(self, data: object) -> None:
        for read in (read_page, read_bills):
            with pytest.raises(ValueError, match="no items"):
                read(data)

    @pytest.mark.parametrize(
        "item",
        [
            None,
            {},
            {"id": "x", "input": None, "created_at": "2026-01-01T00:00:00Z"},
            {"id": "x", "input": {}, "created_at": None},
            {"id": "x", "input": {}, "created_at": "yesterday"},
            {"id": "", "input": {}, "created_at": "2026-01-01T00:00:00Z"},
        ],
    )
    def test_leaves_out_an_entry_that_cannot_be_compared(self, item: object) -> None:
        assert read_page({"items": [item]}).tasks == ()

    @pytest.mark.parametrize(
        ("text", "microsecond"),
        [
            ("2026-04-17T16:11:27.90675875Z", 906758),
            ("2026-04-17T16:11:27.906758751Z", 906758),
            ("2026-04-17T16:11:27Z", 0),
            ("2026-04-17T16:11:27", 0),
            ("2026-04-17T18:11:27+02:00", 0),
        ],
    )
    def test_knows_every_form_of_a_time(self, text: str, microsecond: int) -> None:
        (past,) = read_page({"items": [{"id": "x", "status": "created", "input": {}, "created_at": text}]}).tasks
        assert past.created_at == datetime(2026, 4, 17, 16, 11, 27, microsecond, tzinfo=UTC)

    @pytest.mark.parametrize("data", [None, {}, {"price": None}, {"price": "1"}, {"price": True}, {"price": float("nan")}])
    def test_refuses_a_price_that_is_none(self, data: object) -> None:
        with pytest.raises(ValueError, match="no price"):
            read_price(data)

    def test_leaves_out_a_bill_without_task_or_price(self) -> None:
        bills = [
            {"price": 1},
            {"prediction": {"uuid": "a"}},
            {"prediction": {"uuid": "b"}, "price": 0.1, "billing_type": "deduct"},
            7,
        ]
        assert read_bills({"items": bills}) == ({"b": Decimal("0.1")}, True)
