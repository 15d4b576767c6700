"""Answers that are recalled for a moment: who reads, who waits, and what a failed reading leaves behind."""

import asyncio

import pytest

from app.core.memory import Memory


class Source:
    """Counts how often it is read, and answers when it is told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self) -> int:
        self.reads += 1
        number = self.reads
        await self.may_answer.wait()
        return number


class TestMemory:
    async def test_reads_once_while_the_answer_is_fresh(self) -> None:
        memory, source = Memory(), Source()

        assert [await memory.recall("n", source.read, fresh_s=60) for _ in range(3)] == [1, 1, 1]

    async def test_reads_again_when_it_is_not(self) -> None:
        memory, source = Memory(), Source()

        assert [await memory.recall("n", source.read, fresh_s=0) for _ in range(3)] == [1, 2, 3]

    async def test_lets_one_read_and_shows_the_others_the_old_answer(self) -> None:
        memory, source = Memory(), Source()
        await memory.recall("n", source.read, fresh_s=0)
        source.may_answer.clear()

        async with asyncio.TaskGroup() as group:
            slow = group.create_task(memory.recall("n", source.read, fresh_s=0))
            await asyncio.sleep(0)
            assert await memory.recall("n", source.read, fresh_s=0) == 1
            source.may_answer.set()

        assert slow.result() == 2

    async def test_reads_again_after_a_reading_that_failed(self) -> None:
        async def fail() -> int:
            raise LookupError

        memory, source = Memory(), Source()
        await memory.recall("n", source.read, fresh_s=0)
        with pytest.raises(LookupError):
            await memory.recall("n", fail, fresh_s=0)

        assert await memory.recall("n", source.read, fresh_s=0) == 2

    async def test_forgets_what_has_changed(self) -> None:
        memory, source = Memory(), Source()
        await memory.recall("n", source.read, fresh_s=60)
        memory.forget("n")

        assert await memory.recall("n", source.read, fresh_s=60) == 2
