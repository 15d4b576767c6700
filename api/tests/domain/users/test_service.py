"""Users below the API: found or made, once."""

import asyncio

import asyncpg
import pytest

from app.domain.users import service as users
from app.domain.users.errors import UserNotFoundError
from app.resources import Resources
from tests.factories import new_telegram_id


async def ensure(resources: Resources, telegram_id: int) -> int:
    async with resources.transaction() as session:
        return await users.ensure_id(session, telegram_id)


class TestEnsureId:
    async def test_makes_one_user_of_many_at_once(self, resources: Resources) -> None:
        telegram_id = new_telegram_id()

        assert len(set(await asyncio.gather(*(ensure(resources, telegram_id) for _ in range(16))))) == 1

    async def test_makes_the_user_when_whoever_was_first_gave_up(self, resources: Resources) -> None:
        telegram_id = new_telegram_id()

        async def give_up() -> None:
            async with resources.transaction() as session:
                await users.ensure_id(session, telegram_id)
                await asyncio.sleep(0.1)
                raise asyncio.CancelledError

        async def second() -> int:
            await asyncio.sleep(0.03)
            return await ensure(resources, telegram_id)

        outcomes = await asyncio.gather(give_up(), second(), return_exceptions=True)

        assert outcomes[1] == await ensure(resources, telegram_id)


class TestRequireId:
    async def test_refuses_somebody_unknown(self, resources: Resources) -> None:
        async with resources.reading() as session:
            with pytest.raises(UserNotFoundError):
                await users.require_id(session, new_telegram_id())


class TestTable:
    @pytest.mark.parametrize("telegram_id", [0, -1])
    async def test_refuses_an_id_that_cannot_be(self, database_url: str, telegram_id: int) -> None:
        connection = await asyncpg.connect(database_url)
        try:
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.execute("INSERT INTO users (telegram_id) VALUES ($1)", telegram_id)
        finally:
            await connection.close()

    async def test_has_no_column_for_a_balance(self, database_url: str) -> None:
        connection = await asyncpg.connect(database_url)
        try:
            rows = await connection.fetch("SELECT column_name::text FROM information_schema.columns WHERE table_name = 'users'")
        finally:
            await connection.close()

        assert not [row[0] for row in rows if "balance" in row[0] or "credit" in row[0]]
