"""The second entry: the same resources as the API, running the queue until it is told to stop."""

import asyncio
import signal

from app.core.config import Settings
from app.core.logging import configure_logging, get_logger
from app.domain.audit import jobs as audit_jobs
from app.domain.broadcasts import service as broadcasts
from app.domain.deliveries import jobs as delivery_jobs
from app.domain.deliveries import service as deliveries
from app.domain.generations import jobs as generation_jobs
from app.domain.generations.restores import notice_restore
from app.domain.idempotency import jobs as idempotency_jobs
from app.domain.payments import jobs as payment_jobs
from app.domain.supply import jobs as supply_jobs
from app.monitoring import metrics_served
from app.queue.worker import run_queue
from app.resources import open_resources

_log = get_logger(__name__)


async def run(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; what is in flight then comes to a rest within seconds. Raises SettingsError."""
    configure_logging(settings, program="worker")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    async with open_resources(settings, program="worker") as resources:
        jobs, schedules = generation_jobs.wire_jobs(resources)
        schedules += idempotency_jobs.wire_jobs(resources)
        schedules += supply_jobs.wire_jobs(resources)
        schedules += payment_jobs.wire_jobs(resources)
        schedules += audit_jobs.wire_jobs(resources)
        schedules += delivery_jobs.wire_jobs(resources)
        _log.info("worker_started", slots=settings.wavespeed_max_concurrency)
        dsn = settings.database_dsn or ""
        await notice_restore(resources, deliveries.doubt, broadcasts.doubt)
        async with metrics_served(resources):
            await run_queue(dsn, jobs, schedules, lease_s=settings.worker_lease_seconds, stopping=stopping)
    _log.info("worker_stopped")
