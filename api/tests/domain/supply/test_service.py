"""The row that all processes share: who is let through, and that two of them never are."""

import asyncio
from datetime import timedelta

import pytest

from app.core.config import Settings
from app.core.logging import configure_logging
from app.domain.supply import queries
from app.domain.supply import service as supply
from app.domain.supply.service import Pass
from app.provider import health
from app.provider.health import Breaker, Standing, Trouble
from app.resources import Resources, open_resources
from tests.factories import changed, written_log


async def note(resources: Resources, trouble: Trouble | None, *, times: int = 1, probe: int | None = None) -> None:
    for _ in range(times):
        async with resources.transaction() as session:
            await supply.note(session, resources.settings, trouble, probe=probe, detail="test")


async def cool_down(resources: Resources) -> None:
    """Make the first probe due."""
    async with resources.transaction() as session:
        standing = await queries.lock_standing(session)
        await queries.save_breaker(session, health.mended(standing.breaker, standing.now - timedelta(seconds=1)))


async def standing_of(resources: Resources) -> Standing:
    async with resources.reading() as session:
        return await supply.read(session, resources.settings)


async def let_attempt(resources: Resources) -> Pass:
    known = await standing_of(resources)
    async with resources.transaction() as session:
        return await supply.admit_attempt(session, known)


class TestNote:
    async def test_leaves_no_row_while_all_is_well(self, resources: Resources) -> None:
        assert (await standing_of(resources)).breaker == Breaker()

    async def test_counts_failures_over_processes(self, resources: Resources) -> None:
        async with open_resources(resources.settings, program="other") as other:
            await note(resources, Trouble.FAILING, times=3)
            await note(other, Trouble.FAILING, times=2)

            assert (await standing_of(resources)).breaker == (await standing_of(other)).breaker
            assert (await standing_of(other)).breaker.reason is Trouble.FAILING

    async def test_counts_every_one_of_many_at_once(self, resources: Resources) -> None:
        await asyncio.gather(*(note(resources, Trouble.FAILING) for _ in range(4)))

        assert (await standing_of(resources)).breaker.failures == 4

    async def test_is_told_once_in_the_log(self, resources: Resources) -> None:
        configure_logging(resources.settings, program="tests")
        with written_log() as log:
            await note(resources, Trouble.UNREACHABLE, times=9)
            await note(resources, None, probe=1)

        assert log.getvalue().count("provider_breaker_opened") == 1
        assert log.getvalue().count("provider_breaker_closed") == 1

    async def test_changes_nothing_when_it_is_switched_off(self, settings: Settings) -> None:
        async with open_resources(changed(settings, wavespeed_breaker_failures=0), program="tests") as resources:
            await note(resources, Trouble.KEY_REFUSED, times=9)

            assert (await standing_of(resources)).breaker == Breaker()

    async def test_an_open_one_is_closed_for_whoever_switches_it_off(self, resources: Resources) -> None:
        await note(resources, Trouble.KEY_REFUSED)
        async with open_resources(changed(resources.settings, wavespeed_breaker_failures=0), program="other") as other:
            assert not (await standing_of(other)).breaker.is_open


class TestAdmit:
    async def test_lets_one_of_twenty_waiting_attempts_through(self, resources: Resources) -> None:
        await note(resources, Trouble.FAILING, times=5)
        await cool_down(resources)

        passes = await asyncio.gather(*(let_attempt(resources) for _ in range(20)))

        assert [one.probe for one in passes if one.wait_s is None] == [1]
        assert all(0 < (one.wait_s or 0) <= health.PROBE_PAUSE_S for one in passes if one.probe is None)

    async def test_lets_one_of_twenty_new_orders_through_and_nobody_waits(self, resources: Resources) -> None:
        await note(resources, Trouble.FAILING, times=5)
        await cool_down(resources)
        known = await standing_of(resources)

        async def order() -> float | None:
            async with resources.transaction() as session:
                return await supply.admit_order(session, known)

        waits = await asyncio.gather(*(order() for _ in range(20)))

        assert waits.count(None) == 1
        assert all(0 < wait <= health.ORDER_PAUSE_S for wait in waits if wait is not None)

    async def test_gives_the_place_of_an_order_that_is_refused_later_to_the_next_one(self, resources: Resources) -> None:
        await note(resources, Trouble.FAILING, times=5)
        await cool_down(resources)
        known = await standing_of(resources)

        async def refused_later() -> None:
            async with resources.transaction() as session:
                assert await supply.admit_order(session, known) is None
                raise LookupError("no such model")

        with pytest.raises(LookupError, match="no such model"):
            await refused_later()

        async with resources.transaction() as session:
            assert await supply.admit_order(session, known) is None

    async def test_sends_on_when_somebody_has_closed_it_meanwhile(self, resources: Resources) -> None:
        await note(resources, Trouble.FAILING, times=5)
        await cool_down(resources)
        known = await standing_of(resources)
        await note(resources, None, probe=1)

        async with resources.transaction() as session:
            assert await supply.admit_attempt(session, known) == supply.FREE_PASS
            assert await supply.admit_order(session, known) is None


class TestBalance:
    async def note_balance(self, resources: Resources, usd: float) -> None:
        async with resources.transaction() as session:
            await supply.note_balance(session, resources.settings, usd)

    async def test_is_told_once_when_it_falls_and_once_when_it_is_topped_up(self, resources: Resources) -> None:
        configure_logging(changed(resources.settings, log_level="info"), program="tests")
        with written_log() as log:
            for usd in (1.0, 0.4, 0.3, 0.49, 0.5, 20.0):
                await self.note_balance(resources, usd)

        assert log.getvalue().count("provider_balance_low") == 1
        assert log.getvalue().count("provider_balance_restored") == 1
        assert (await standing_of(resources)).balance_usd == 20.0

    async def test_that_rises_lets_the_next_order_try_an_empty_account_at_once(self, resources: Resources) -> None:
        await note(resources, Trouble.OUT_OF_CREDIT)
        await self.note_balance(resources, 0.01)
        assert (await let_attempt(resources)).wait_s is not None

        await self.note_balance(resources, 50.0)

        assert (await let_attempt(resources)).probe == 1

    async def test_that_stays_does_not(self, resources: Resources) -> None:
        await note(resources, Trouble.OUT_OF_CREDIT)
        await self.note_balance(resources, 3.0)
        await self.note_balance(resources, 3.0)

        assert (await let_attempt(resources)).wait_s is not None

    async def test_that_can_be_read_lets_the_next_order_try_a_refused_key_at_once(self, resources: Resources) -> None:
        await note(resources, Trouble.KEY_REFUSED)
        await self.note_balance(resources, 3.0)

        assert (await let_attempt(resources)).probe == 1

    async def test_does_not_move_a_breaker_that_is_open_for_another_reason(self, resources: Resources) -> None:
        await note(resources, Trouble.FAILING, times=5)
        await self.note_balance(resources, 0.1)
        await self.note_balance(resources, 50.0)

        assert (await let_attempt(resources)).wait_s is not None
