"""One flight for all who ask at the same time."""

import asyncio

import pytest

from app.core.single_flight import SingleFlight


class TestTurn:
    async def test_is_the_first_ones_alone_and_the_others_wait_for_its_end(self) -> None:
        flights, log = SingleFlight(), list[str]()

        async def fly(name: str) -> None:
            async with flights.turn(name) as is_first:
                if is_first:
                    log.append(f"{name} begins")
                    await asyncio.sleep(0)
                    log.append(f"{name} ends")
                else:
                    log.append(f"{name} waited")

        await asyncio.gather(fly("a"), fly("a"), fly("b"), fly("a"))

        assert [entry for entry in log if entry.startswith("a")] == ["a begins", "a ends", "a waited", "a waited"]
        assert [entry for entry in log if entry.startswith("b")] == ["b begins", "b ends"]

    async def test_goes_to_the_next_one_after_a_failure(self) -> None:
        flights = SingleFlight()

        with pytest.raises(ValueError, match="crashed"):
            async with flights.turn("a"):
                raise ValueError("crashed")

        async with flights.turn("a") as is_first:
            assert is_first
