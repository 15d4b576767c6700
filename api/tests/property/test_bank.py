"""The bank: while sixteen writers move credits, every snapshot of the book adds up. `make property` looks for longer."""

import asyncio
import os
import random
import time
from collections import Counter

import asyncpg
import pytest

from app.core.config import Settings
from app.resources import open_resources
from tests.factories import changed
from tests.property.moves import Mover, Wallet, told
from tests.property.world import SEED, broken_in

SECONDS = float(os.environ.get("RASSOM_BANK_SECONDS", "1.5"))
WRITERS = 16
WALLETS = 6

# Each says the same thing in another way, so a snapshot that mixed two moments would contradict itself.
_SUMS = """
    SELECT (SELECT sum(amount) FROM ledger_entries) AS book,
        (SELECT sum(amount) FROM ledger_entries WHERE account_kind = 'wallet') AS wallets,
        (SELECT sum(amount) FROM ledger_entries WHERE account_kind = 'holds') AS holds,
        (SELECT -sum(amount) FROM ledger_entries WHERE account_kind IN ('grants', 'stars')) AS given,
        (SELECT coalesce(sum(amount), 0) FROM ledger_entries WHERE account_kind = 'revenue') AS revenue
"""
_NEWEST = """
    SELECT sum(balance_after) FROM (
        SELECT DISTINCT ON (account_id) balance_after FROM ledger_entries WHERE account_kind = $1 ORDER BY account_id, seq DESC
    ) newest
"""
_OPEN = """
    SELECT coalesce(sum(amount), 0) FROM ledger_entries held WHERE account_kind = 'holds' AND entry_type = 'generation_hold'
        AND NOT EXISTS (SELECT FROM ledger_transfers ending WHERE ending.hold_id = held.transfer_id)
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, database_pool_size=WRITERS, redis_url=None)


async def look(eyes: asyncpg.Connection) -> None:
    """One snapshot, read by several statements; what they say must agree."""
    async with eyes.transaction(isolation="repeatable_read", readonly=True):
        sums = await eyes.fetchrow(_SUMS)
        assert sums is not None
        newest = {kind: await eyes.fetchval(_NEWEST, kind) or 0 for kind in ("wallet", "holds", "revenue")}
        still_open = await eyes.fetchval(_OPEN)
    assert sums["book"] == 0
    assert newest == {"wallet": sums["wallets"], "holds": sums["holds"] or 0, "revenue": sums["revenue"]}
    assert still_open == newest["holds"]
    assert sums["given"] == sums["wallets"] + newest["holds"] + sums["revenue"]


class TestTheBank:
    async def test_adds_up_in_every_snapshot(self, settings: Settings) -> None:
        answers: Counter[str] = Counter()
        snapshots, ends_s = 0, time.monotonic() + SECONDS
        async with open_resources(settings, program="tests") as resources:
            wallets = [await Wallet.open(resources, 20) for _ in range(WALLETS)]

            async def write(number: int) -> None:
                mover = Mover(resources, wallets, random.Random(SEED + number), answers)  # noqa: S311 - only has to be the same
                while time.monotonic() < ends_s:
                    await mover.move()

            async def watch() -> None:
                nonlocal snapshots
                eyes = await asyncpg.connect(settings.database_dsn)
                while time.monotonic() < ends_s:
                    await look(eyes)
                    snapshots += 1
                await look(eyes)
                await eyes.close()

            await asyncio.gather(watch(), *(write(number) for number in range(WRITERS)))
            assert await broken_in(resources, "I1", "I2", "I3", "I10") == {}
        during = f"{answers.total()} moves of {WRITERS} writers, seed {SEED}"
        print(f"bank: {snapshots} snapshots during {during}, 0 sums wrong; {told(answers)}")  # noqa: T201 - make shows it
        assert snapshots >= 2
        assert answers["hold done"] > 0
