"""A long book is audited in time, chain included. `make audit-million` is the million entries of the promise."""

import os

from app.core.config import Settings
from tests.domain.audit import bulk
from tests.domain.audit.test_service import audit, plant
from tests.factories import as_superuser

PEOPLE = int(os.environ.get("RASSOM_AUDIT_PEOPLE", "100"))
LIMIT_S = 30
WALLET = "(SELECT account_id FROM ledger_entries WHERE account_kind = 'wallet' ORDER BY id DESC LIMIT 1)"


class TestALongBook:
    async def test_is_whole_and_read_in_time(self, settings: Settings) -> None:
        entries = await bulk.load(as_superuser(settings.database_dsn or ""), people=PEOPLE)

        report = await audit(settings)

        for finding in report.findings:
            print(f"{finding.invariant:4} {finding.took_ms / 1000:7.2f} s  {finding.title}")  # noqa: T201 - make shows it
        print(f"audit: {entries} entries in {report.took_ms / 1000:.1f} s, limit {LIMIT_S} s")  # noqa: T201
        assert entries == PEOPLE * bulk.ENTRIES_EACH
        assert report.is_clean, report
        assert report.took_ms <= LIMIT_S * 1000

    async def test_shows_one_changed_entry_of_all(self, settings: Settings) -> None:
        await bulk.load(as_superuser(settings.database_dsn or ""), people=PEOPLE)
        await plant(settings, f"UPDATE ledger_entries SET description = 'a gift' WHERE account_id = {WALLET} AND seq = 7")  # noqa: S608

        report = await audit(settings)

        (found,) = [finding for finding in report.findings if not finding.is_clean and finding.invariant == "I2"]
        assert found.violations == 1
        assert found.examples[0].endswith("at seq 7: hash")
