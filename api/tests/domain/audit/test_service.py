"""The audit finds what nobody should be able to do: each violation is planted past every guard, in a book that people have used."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.core.config import Settings
from app.domain.audit import queries
from app.domain.audit import service as audits
from app.domain.audit.schemas import AuditRead
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.domain.payments import service as payments
from app.embedded import postgres
from app.resources import Resources, open_resources
from simulator.server import RunningSimulator
from tests import running
from tests.conftest import TEMPLATE
from tests.domain.audit.plants import PLANTS, TOUCH_NO_WALLET
from tests.factories import Shop, a_database, an_order, as_superuser, changed, new_telegram_id, open_shop
from tests.payments import FIFTY, a_paid_order, an_order_of_credits, tell_of_refund


@pytest.fixture(scope="session")
async def lived_in(postgres_server: postgres.Postgres, shared_simulator: RunningSimulator) -> AsyncIterator[str]:
    """The name of a database in which people have ordered pictures: paid and free, completed and failed, and one that waits."""
    async with a_database(postgres_server.dsn("postgres"), TEMPLATE) as dsn:
        settings = Settings(
            _env_file=None,
            database_url=dsn,
            wavespeed_api_base_url=f"{shared_simulator.url}/api/v3",
            wavespeed_api_key="sim-key-of-the-tests",
            bootstrap_api_key="rsk_" + "k" * 43,
            rate_limit_enabled=False,
            log_level="warning",
        )
        async with open_shop(settings, shared_simulator) as shop:
            async with running.worker(settings):
                for prompt in ("a", "[sim:fail]"):
                    for somebody in (await shop.rich_user(), new_telegram_id()):
                        await shop.follow(await shop.order(somebody, prompt=prompt), somebody)
            somebody = await shop.rich_user()
            (
                await shop.http.post("/generations/submit", json=an_order(somebody), headers={"Idempotency-Key": "k"})
            ).raise_for_status()
            await live_on_payments(shop)
        name = dsn.split("/")[3].split("?")[0]
        yield name


async def live_on_payments(shop: Shop) -> None:
    """Orders for credits: one that waits, one that is paid, one that went back, and one that Telegram did not give back."""
    await an_order_of_credits(shop)
    await a_paid_order(shop)
    await tell_of_refund(shop, *await a_paid_order(shop))
    _, charge_id = await a_paid_order(shop, package_id=FIFTY)
    async with shop.resources.transaction() as session:
        claim = await payments.begin_refund(session, charge_id, actor="test", reason="test")
    async with shop.resources.transaction() as session:
        assert claim is not None
        assert await payments.return_refund(session, claim, error="test")


@pytest.fixture
async def used(lived_in: str, postgres_server: postgres.Postgres, settings: Settings) -> AsyncIterator[Settings]:
    """Settings that name a copy of it."""
    async with a_database(postgres_server.dsn("postgres"), lived_in) as dsn:
        yield changed(settings, database_url=dsn)


async def audit(settings: Settings) -> AuditRead:
    async with open_resources(settings, program="tests") as resources, resources.transaction() as session:
        return await audits.run(session)


async def plant(settings: Settings, statements: str) -> None:
    """Do it as the one role that nothing is refused to, with every trigger asleep."""
    admin = await asyncpg.connect(as_superuser(settings.database_dsn or ""))
    try:
        await admin.execute("SET session_replication_role = replica")
        await admin.execute(statements)
        await admin.execute("SELECT pg_stat_force_next_flush()")
        await admin.execute("SELECT 1")
    finally:
        await admin.close()


class TestACleanBook:
    async def test_has_no_findings(self, used: Settings) -> None:
        report = await audit(used)

        assert [finding for finding in report.findings if not finding.is_clean] == []
        assert report.is_clean

    async def test_that_is_empty_has_no_findings(self, settings: Settings) -> None:
        assert (await audit(settings)).is_clean

    async def test_may_have_keys_from_before_requests_were_kept(self, used: Settings) -> None:
        await plant(used, "UPDATE idempotency_keys SET operation = NULL, request = NULL")

        assert (await audit(used)).is_clean

    async def test_is_looked_at_for_every_invariant(self, used: Settings) -> None:
        report = await audit(used)

        assert [finding.invariant for finding in report.findings] == [invariant.id for invariant in queries.INVARIANTS]

    async def test_has_no_findings_while_it_is_written_to(self, resources: Resources) -> None:
        people = [new_telegram_id() for _ in range(4)]
        reports: list[AuditRead] = []

        async def write(telegram_id: int) -> None:
            for _ in range(25):
                async with resources.transaction() as session:
                    await ledger.grant(session, telegram_id=telegram_id, amount=1, memo=Memo(None, "test"))

        async def look() -> None:
            reports.extend([await audit(resources.settings) for _ in range(5)])

        await asyncio.gather(look(), *(write(one) for one in people))

        assert [finding for report in reports for finding in report.findings if not finding.is_clean] == []


class TestAViolation:
    def test_is_planted_for_every_invariant(self) -> None:
        assert {invariant for invariant, _, _ in PLANTS} >= {invariant.id for invariant in queries.INVARIANTS}

    @pytest.mark.parametrize(("invariant", "what", "statements"), [pytest.param(*p, id=f"{p[0]} {p[1]}") for p in PLANTS])
    async def test_is_found_and_shown(self, used: Settings, invariant: str, what: str, statements: str) -> None:
        await plant(used, statements)

        report = await audit(used)

        found = {finding.invariant: finding for finding in report.findings if not finding.is_clean}
        assert not report.is_clean
        assert invariant in found
        assert 1 <= len(found[invariant].examples) <= found[invariant].violations
        assert bool(found[invariant].accounts) == (what not in TOUCH_NO_WALLET)
