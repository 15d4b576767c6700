"""Scheduled work of the audit: look at the books, write down and say what was found, freeze the wallets that it touches."""

from functools import partial

from app.core.logging import get_logger
from app.domain.audit import service
from app.domain.audit.schemas import AuditRead
from app.queue.worker import ScheduledJob
from app.resources import Resources

_log = get_logger(__name__)


def wire_jobs(resources: Resources) -> list[ScheduledJob]:
    """The jobs of this room, bound to the process's resources."""
    return [ScheduledJob("audit", "*/5 * * * *", partial(audit, resources))]


async def audit(resources: Resources) -> AuditRead:
    """Check every invariant. A violation is an error in the log, and a wallet that it touches is frozen.

    The snapshot is one moment, in which each transaction has happened or has not: what is found there is there, whatever is being
    written meanwhile.
    """
    async with resources.transaction() as session:
        report = await service.run(session)
    async with resources.transaction() as session:
        await service.record(session, report)
    for finding in report.findings:
        if finding.is_clean:
            continue
        accounts = [touched.account_id for touched in finding.accounts]
        _log.error(
            "audit_violation",
            invariant=finding.invariant,
            violations=finding.violations,
            examples=finding.examples,
            accounts=accounts[:20],
        )
        # Each finding in a transaction of its own: a wallet that cannot be locked now keeps no other one open.
        async with resources.transaction() as session:
            for account_id in await service.freeze(session, finding):
                _log.error("account_frozen", account_id=account_id, invariant=finding.invariant)
    _log.info("audit_ended", is_clean=report.is_clean, took_ms=round(report.took_ms))
    return report
