"""The verbs of the audit: run every invariant in one snapshot, or sums would lie under load; then record and freeze."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.domain.audit import queries
from app.domain.audit.schemas import AuditRead, Finding, Invariant
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Violation


async def run(session: AsyncSession, begins: Callable[[str], None] | None = None) -> AuditRead:
    """Check all invariants; the session's transaction must not have read anything before. Tells `begins` of each one's title."""
    started_at, started_s = clock.utc_now(), clock.monotonic_s()
    await queries.begin_snapshot(session)
    # One after the other on purpose: they share one connection, which is what makes them one snapshot.
    findings = []
    for invariant in queries.INVARIANTS:
        if begins is not None:
            begins(f"{invariant.id} {invariant.title}")
        findings.append(await _check(session, invariant))
    return AuditRead(
        is_clean=all(finding.is_clean for finding in findings),
        started_at=started_at,
        took_ms=_ms_since(started_s),
        findings=findings,
    )


async def record(session: AsyncSession, report: AuditRead) -> None:
    """Keep the outcome for whoever watches."""
    await queries.insert_run(session, report)


async def freeze(session: AsyncSession, finding: Finding) -> list[int]:
    """Freeze the wallets that this finding touches; returns the accounts that were not frozen for it before."""
    found = [
        Violation(touched.account_id, touched.examples[0], touched.evidence)
        for touched in finding.accounts
        if touched.account_id is not None
    ]
    return await ledger.freeze(session, finding.invariant, found)


async def _check(session: AsyncSession, invariant: Invariant) -> Finding:
    started_s = clock.monotonic_s()
    broken = await queries.find_violations(session, invariant)
    examples = [example for touched in broken for example in touched.examples]
    return Finding(
        invariant=invariant.id,
        title=invariant.title,
        violations=sum(touched.violations for touched in broken),
        examples=examples[: queries.EXAMPLES_MAX],
        accounts=[touched for touched in broken if touched.account_id is not None],
        took_ms=_ms_since(started_s),
    )


def _ms_since(started_s: float) -> float:
    return round((clock.monotonic_s() - started_s) * 1000, 1)
