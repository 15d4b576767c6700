"""Free generations: held, used up or given back, and never more than there are."""

import asyncio

import pytest

from app.domain.trial import service as trial
from app.domain.users import service as users
from app.resources import Resources
from tests.factories import new_telegram_id


async def new_user(resources: Resources) -> tuple[int, int]:
    telegram_id = new_telegram_id()
    async with resources.transaction() as session:
        return telegram_id, await users.ensure_id(session, telegram_id)


async def redeem(resources: Resources, user_id: int, limit: int = 1) -> int | None:
    async with resources.transaction() as session:
        return await trial.redeem(session, user_id, limit=limit)


async def end(resources: Resources, use_id: int, *, is_used: bool) -> None:
    async with resources.transaction() as session:
        await (trial.confirm if is_used else trial.restore)(session, use_id)


async def left(resources: Resources, telegram_id: int, limit: int = 1) -> int:
    async with resources.reading() as session:
        status = await trial.status(session, telegram_id, limit=limit)
    assert status.trial_available is (status.used_count < limit)
    return limit - status.used_count


class TestRedeem:
    async def test_gives_as_many_as_there_are(self, resources: Resources) -> None:
        _, user_id = await new_user(resources)

        uses = [await redeem(resources, user_id, 3) for _ in range(4)]

        assert len({use for use in uses if use is not None}) == 3
        assert uses[3] is None

    async def test_gives_none_where_there_are_none(self, resources: Resources) -> None:
        _, user_id = await new_user(resources)

        assert await redeem(resources, user_id, 0) is None

    async def test_gives_the_last_one_once_to_many_at_once(self, resources: Resources) -> None:
        telegram_id, user_id = await new_user(resources)

        uses = await asyncio.gather(*(redeem(resources, user_id) for _ in range(16)))

        assert sum(use is not None for use in uses) == 1
        assert await left(resources, telegram_id) == 0

    async def test_gives_it_to_nobody_else_while_it_is_being_given(self, resources: Resources) -> None:
        _, user_id = await new_user(resources)

        async with asyncio.TaskGroup() as group, resources.transaction() as session:
            first = await trial.redeem(session, user_id, limit=1)
            second = group.create_task(redeem(resources, user_id))
            await asyncio.wait({second}, timeout=0.5)  # it stands at the index until the first one has committed

        assert (first is not None, second.result()) == (True, None)

    async def test_gives_one_more_after_the_limit_was_raised_and_none_after_it_was_lowered(self, resources: Resources) -> None:
        _, user_id = await new_user(resources)

        assert [await redeem(resources, user_id, limit) is not None for limit in (1, 1, 2, 2, 1)] == [
            True,
            False,
            True,
            False,
            False,
        ]


class TestEnd:
    async def test_restored_is_free_again(self, resources: Resources) -> None:
        telegram_id, user_id = await new_user(resources)
        use_id = await redeem(resources, user_id)
        await end(resources, use_id or 0, is_used=False)

        assert await left(resources, telegram_id) == 1
        assert await redeem(resources, user_id) is not None

    async def test_confirmed_is_gone(self, resources: Resources) -> None:
        telegram_id, user_id = await new_user(resources)
        use_id = await redeem(resources, user_id)
        await end(resources, use_id or 0, is_used=True)

        assert await left(resources, telegram_id) == 0
        assert await redeem(resources, user_id) is None

    @pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True), (False, False)])
    async def test_comes_once(self, resources: Resources, first: bool, second: bool) -> None:
        _, user_id = await new_user(resources)
        use_id = await redeem(resources, user_id) or 0
        await end(resources, use_id, is_used=first)

        with pytest.raises(RuntimeError, match="ended before"):
            await end(resources, use_id, is_used=second)
