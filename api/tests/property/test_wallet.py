"""One wallet that many clients use at once ends as the answers they got add up to, and is never below zero.

`make property` runs it as promised: 64 clients with 200 operations each, five seeds.
"""

import asyncio
import os
import random
import time
from collections import Counter

import asyncpg
import pytest

from app.core.config import Settings
from app.resources import Resources, open_resources
from tests.factories import changed
from tests.property.moves import Mover, Wallet, told
from tests.property.world import SEED, broken_in

CLIENTS = int(os.environ.get("RASSOM_WALLET_CLIENTS", "8"))
OPERATIONS = int(os.environ.get("RASSOM_WALLET_OPERATIONS", "12"))
SEEDS = int(os.environ.get("RASSOM_WALLET_SEEDS", "1"))
BEGINS_WITH = 30

_LINES = """
    SELECT amount, balance_after, entry_type, transfer_id FROM ledger_entries entry
    JOIN ledger_accounts account ON account.id = entry.account_id WHERE account.user_id = $1 ORDER BY seq
"""
_ENDS = """
    SELECT ending.hold_id, count(*) FROM ledger_transfers ending
    JOIN ledger_entries held ON held.transfer_id = ending.hold_id AND held.account_kind = 'wallet'
    JOIN ledger_accounts account ON account.id = held.account_id WHERE account.user_id = $1 GROUP BY ending.hold_id
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return changed(settings, database_pool_size=CLIENTS, redis_url=None)


async def use(resources: Resources, wallet: Wallet, seed: int) -> Counter[str]:
    """All clients at once; what they were answered."""
    answers: Counter[str] = Counter()

    async def client(number: int) -> None:
        mover = Mover(resources, [wallet], random.Random(1000 * seed + number), answers)  # noqa: S311 - only has to be the same
        for _ in range(OPERATIONS):
            await mover.move()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return answers


async def check(dsn: str, wallet: Wallet, answers: Counter[str]) -> None:
    """The lines of the wallet are the answers, one after the other."""
    eyes = await asyncpg.connect(dsn)
    lines, ends = await eyes.fetch(_LINES, wallet.user_id), await eyes.fetch(_ENDS, wallet.user_id)
    await eyes.close()
    balance = 0
    for line in lines:
        balance += line["amount"]
        assert line["balance_after"] == balance >= 0
    assert balance == wallet.balance
    written = Counter(line["entry_type"] for line in lines)
    assert written["generation_hold"] == answers["hold done"]
    assert (written["grant"], written["adjustment"]) == (answers["give done"] + 1, answers["take done"])
    assert (written["topup"], written["refund"]) == (answers["pay done"], answers["give back done"] + answers["lose done"])
    held = {line["transfer_id"]: -line["amount"] for line in lines if line["entry_type"] == "generation_hold"}
    ended = {row["hold_id"]: row["count"] for row in ends}
    assert ended == dict.fromkeys(wallet.ended_holds, 1)
    assert {hold_id: amount for hold_id, amount in held.items() if hold_id not in ended} == wallet.open_holds


class TestOneWallet:
    @pytest.mark.parametrize("seed", [pytest.param(SEED + n, id=f"seed {SEED + n}") for n in range(SEEDS)])
    async def test_is_what_its_clients_were_told(self, settings: Settings, seed: int) -> None:
        started_s = time.monotonic()
        async with open_resources(settings, program="tests") as resources:
            wallet = await Wallet.open(resources, BEGINS_WITH)
            answers = await use(resources, wallet, seed)
            broken = await broken_in(resources, "I1", "I2", "I3", "I10")

        await check(settings.database_dsn or "", wallet, answers)
        assert broken == {}
        assert answers.total() == CLIENTS * OPERATIONS
        took_s = time.monotonic() - started_s
        print(  # noqa: T201 - make shows it
            f"wallet: {CLIENTS} clients x {OPERATIONS} operations, seed {seed}, {took_s:.0f} s, equals the model; {told(answers)}"
        )
