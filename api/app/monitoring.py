"""`GET /metrics` on a port of its own (METRICS_PORT), for the API and for a worker alike: never on the port that the world sees."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from typing_extensions import override

from app.core.config import SettingsError
from app.core.errors import ServiceUnavailableError
from app.core.logging import get_logger
from app.domain.stats import service as stats
from app.domain.stats.schemas import LastAudit, Stats
from app.domain.supply import service as supply
from app.provider.health import Standing
from app.resources import Resources

_log = get_logger(__name__)


@asynccontextmanager
async def metrics_served(resources: Resources) -> AsyncIterator[None]:
    """Serve this process's metrics while the block runs; nothing without METRICS_PORT.

    Raises SettingsError on a busy port.
    """
    settings = resources.settings
    if settings.metrics_port is None:
        yield
        return
    app = web.Application()
    app.router.add_get("/metrics", partial(_metrics, resources))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.metrics_port).start()
    except OSError as error:
        await runner.cleanup()
        msg = f"METRICS_PORT: port {settings.metrics_port} on {settings.host} cannot be listened on ({error.strerror})"
        raise SettingsError(msg) from error
    try:
        yield
    finally:
        await runner.cleanup()


async def _metrics(resources: Resources, _: web.Request) -> web.Response:
    page = generate_latest(REGISTRY)
    try:
        async with resources.reading() as session:
            standing = await supply.read(session, resources.settings)
            page += generate_latest(_registry(await stats.read(session), standing))
    except ServiceUnavailableError:
        _log.warning("metrics_without_database")
    return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _registry(read: Stats, standing: Standing) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_StatsCollector(read, standing))
    return registry


class _StatsCollector(Collector):
    def __init__(self, read: Stats, standing: Standing) -> None:
        self._read = read
        self._standing = standing

    @override
    def collect(self) -> Iterable[Metric]:
        read = self._read
        active = GaugeMetricFamily("rassom_generations_active", "Generations that have not ended", labels=["status", "model"])
        for labels, total in read.active.items():
            active.add_metric(labels, total)
        yield active
        yield GaugeMetricFamily("rassom_queue_depth", "Jobs that are due and wait for a slot", value=read.queue_depth)
        yield GaugeMetricFamily("rassom_queue_age_seconds", "How long the oldest of them has waited", value=read.queue_age_s)
        yield GaugeMetricFamily("rassom_slots_taken", "Jobs that run now, over all workers", value=read.slots_taken)
        yield GaugeMetricFamily("rassom_holds_open_credits", "Credits in open holds", value=read.holds_credits)
        yield GaugeMetricFamily("rassom_attempts_unknown", "Attempts whose outcome is not known", value=read.unknown_attempts)
        state = 0 if not self._standing.breaker.is_open else 1 if self._standing.is_half_open else 2
        yield GaugeMetricFamily("rassom_breaker_state", "0 closed, 1 half-open: a few orders are tried, 2 open", value=state)
        balance = self._standing.known_balance_usd
        if balance is not None:
            yield GaugeMetricFamily("rassom_provider_balance_usd", "What our account at the provider has", value=balance)
        yield GaugeMetricFamily("rassom_accounts_frozen", "Wallets that an audit froze", value=read.accounts_frozen)
        if read.last_audit is not None:
            yield from _of_audit(read.last_audit)


def _of_audit(last: LastAudit) -> Iterable[Metric]:
    violations = GaugeMetricFamily(
        "rassom_audit_violations", "Rows that break an invariant, by the last audit", labels=["invariant"]
    )
    for invariant, total in last.violations.items():
        violations.add_metric([invariant], total)
    yield violations
    yield GaugeMetricFamily("rassom_audit_last_run_timestamp_seconds", "When the last audit began", value=last.started_at_s)
    yield GaugeMetricFamily("rassom_audit_duration_seconds", "How long the last audit took", value=last.took_s)
