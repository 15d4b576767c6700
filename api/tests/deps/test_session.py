"""The unit of work of a request ends before its answer leaves (decision 0001)."""

from tests.factories import Shop

# Raises at the commit, when everything that the endpoint did has succeeded.
_FAILING_COMMIT = """
    CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
    CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON generation_requests DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION fail_at_commit();
"""


class TestCommit:
    async def test_that_fails_is_never_a_202(self, shop: Shop) -> None:
        somebody = await shop.rich_user(3)
        await shop.eyes.execute(_FAILING_COMMIT)

        answer = await shop.submit(somebody)

        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert await shop.balance(somebody) == (3, 0)
        assert await shop.eyes.fetchval("SELECT count(*) FROM generation_requests") == 0
        await shop.check_books()
