"""/metrics on its own port."""

import asyncio

import httpx2
import pytest

from app.core.config import Settings, SettingsError
from app.domain.supply import service as supply
from app.domain.supply.jobs import watch_balance
from app.embedded import ports
from app.monitoring import metrics_served
from app.provider.health import Trouble
from app.resources import open_resources
from tests.factories import NO_TLS, Shop, changed


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, metrics_port=ports.free_ports(1)[0])


class TestMetrics:
    async def test_says_what_an_operator_needs(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(5)
        await busy_shop.follow(await busy_shop.order(somebody), somebody)
        await busy_shop.order(somebody, prompt="[sim:delay=30]")
        await busy_shop.submit(somebody)
        async with asyncio.timeout(10):
            while len(await busy_shop.submits_seen()) < 2:  # the second task is paid from the balance, too
                await asyncio.sleep(0.02)
        (await busy_shop.control.put("/config", json={"balance": 12.5})).raise_for_status()
        await watch_balance(busy_shop.resources)
        async with httpx2.AsyncClient(verify=NO_TLS) as http:
            page = (await http.get(f"http://127.0.0.1:{busy_shop.settings.metrics_port}/metrics")).text

        for line in (
            'http_requests_total{handler="/api/v1/generations/submit",method="POST",status="202"}',
            'rassom_submits_total{outcome="accepted"}',
            'rassom_refusals_total{code="active_generation",route="/generations/submit"}',
            'rassom_generations_active{model="seedream-v4",status=',
            'rassom_generations_ended_total{error_code="",model="seedream-v4",status="completed"}',
            'rassom_provider_request_seconds_count{operation="submit",outcome="ok"}',
            'rassom_ledger_transfers_total{entry_type="generation_capture"}',
            "rassom_holds_open_credits 1.0",
            "rassom_queue_depth 0.0",
            "rassom_queue_age_seconds",
            "rassom_breaker_state 0.0",
            "rassom_provider_balance_usd 12.5",
        ):
            assert line in page, page

    async def test_says_that_the_breaker_is_open_and_why(self, shop: Shop) -> None:
        async with shop.resources.transaction() as session:
            await supply.note(session, shop.settings, Trouble.KEY_REFUSED, probe=None, detail="test")
        async with httpx2.AsyncClient(verify=NO_TLS) as http:
            page = (await http.get(f"http://127.0.0.1:{shop.settings.metrics_port}/metrics")).text

        assert "rassom_breaker_state 2.0" in page
        assert 'rassom_breaker_openings_total{reason="key_refused"}' in page
        assert "rassom_provider_balance_usd" not in page

    async def test_is_not_on_the_port_of_the_world(self, shop: Shop) -> None:
        async with httpx2.AsyncClient(verify=NO_TLS) as http:
            assert (await http.get(f"{shop.base_url}/metrics")).status_code == 404

    async def test_a_busy_port_is_one_clear_sentence(self, shop: Shop) -> None:
        port = int(shop.base_url.rpartition(":")[2])
        settings = shop.settings.model_copy(update={"metrics_port": port})

        with pytest.raises(SettingsError, match=f"METRICS_PORT: port {port} on 127.0.0.1 cannot be listened on"):
            async with open_resources(settings, program="tests") as resources, metrics_served(resources):
                pass
