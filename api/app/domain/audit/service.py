"""The verb of the audit: run every invariant in one snapshot, or sums would lie under load."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.domain.audit import queries
from app.domain.audit.schemas import AuditRead, Finding


async def run(session: AsyncSession) -> AuditRead:
    """Check all invariants; the session's transaction must not have read anything before."""
    await queries.begin_snapshot(session)
    findings = []
    # One after the other on purpose: they share one connection, which is what makes them one snapshot.
    for invariant in queries.INVARIANTS:
        started_s = clock.monotonic_s()
        count, examples = await queries.find_violations(session, invariant)
        took_ms = round((clock.monotonic_s() - started_s) * 1000, 1)
        findings.append(
            Finding(invariant=invariant.id, title=invariant.title, violations=count, examples=examples, took_ms=took_ms)
        )
    return AuditRead(is_clean=all(finding.is_clean for finding in findings), findings=findings)
