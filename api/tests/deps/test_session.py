"""The unit of work of a request ends before its answer leaves (decision 0001)."""

from contextlib import suppress

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.domain.users import service as users
from app.domain.users.models import User
from tests.factories import Shop, an_order, new_telegram_id

# Raises at the commit, when everything that the endpoint did has succeeded.
_FAILING_COMMIT = """
    CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
    CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON generation_requests DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION fail_at_commit();
"""


class TestCommit:
    @pytest.mark.parametrize(
        ("references", "content_type"),
        [(0, "application/json"), (1, "application/json"), (1, "application/json; charset=utf-8")],
        ids=["an order at once", "an order in steps", "an order that FastAPI reads"],
    )
    async def test_that_fails_is_never_a_202(self, shop: Shop, references: int, content_type: str) -> None:
        somebody = await shop.rich_user(3)
        await shop.eyes.execute(_FAILING_COMMIT)

        order = an_order(somebody, reference_urls=["https://pictures.example/1.png"] * references)
        answer = await shop.http.post("/generations/submit", json=order, headers={"Content-Type": content_type})

        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert await shop.balance(somebody) == (3, 0)
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_requests") == 0
        await shop.check_books()

    async def test_of_what_had_failed_before_is_an_error(self, shop: Shop) -> None:
        # PostgreSQL answers such a COMMIT with ROLLBACK, and no error.
        async def fail_and_go_on() -> None:
            async with shop.resources.transaction() as session:
                with suppress(DBAPIError):
                    await session.execute(text("SELECT 1/0"))

        with pytest.raises(RuntimeError, match="nothing of it was committed"):
            await fail_and_go_on()


class TestBothWays:
    async def test_are_one_transaction(self, shop: Shop) -> None:
        somebody = new_telegram_id()
        with suppress(ZeroDivisionError):
            async with shop.resources.transaction() as session:
                user_id = await users.ensure_id(session, somebody)
                assert await session.scalar(select(User.id).where(User.telegram_id == somebody)) == user_id
                raise ZeroDivisionError

        assert await shop.eyes.fetchval("SELECT count(*) FROM users WHERE telegram_id = $1", somebody) == 0
