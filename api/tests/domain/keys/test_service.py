"""Service keys in the database: made, verified, revoked."""

import asyncio

import pytest

from app.core.logging import configure_logging
from app.domain.keys import service as keys
from app.domain.keys.errors import KeyNameTakenError, KeyNotFoundError
from app.domain.keys.rules import generate_secret, lookup_prefix
from app.resources import Resources
from tests.factories import written_log


async def create(resources: Resources, name: str, *scopes: str) -> str:
    async with resources.transaction() as session:
        return (await keys.create(session, name=name, scopes=list(scopes or ("bot",))))[1]


async def verified_name(resources: Resources, secret: str) -> str | None:
    async with resources.reading() as session:
        key = await keys.verify(session, secret)
    return key.name if key else None


class TestCreate:
    async def test_makes_a_key_that_is_known(self, resources: Resources) -> None:
        secret = await create(resources, "shop", "bot", "admin")

        async with resources.reading() as session:
            key = await keys.verify(session, secret)

        assert key is not None
        assert (key.name, key.scopes, key.prefix, key.revoked_at) == ("shop", ["bot", "admin"], lookup_prefix(secret), None)

    async def test_refuses_a_name_in_use(self, resources: Resources) -> None:
        await create(resources, "shop")

        with pytest.raises(KeyNameTakenError):
            await create(resources, "shop")

    async def test_gives_one_of_many_at_once_the_name(self, resources: Resources) -> None:
        outcomes = await asyncio.gather(*(create(resources, "shop") for _ in range(8)), return_exceptions=True)

        assert sum(isinstance(one, KeyNameTakenError) for one in outcomes) == 7

    async def test_stores_only_a_hash(self, resources: Resources) -> None:
        secret = await create(resources, "shop")

        async with resources.reading() as session:
            (row,) = await keys.list_all(session)

        assert secret.encode() not in row.secret_hash
        assert secret not in {value for value in vars(row).values() if isinstance(value, str)}


class TestVerify:
    async def test_knows_no_changed_secret(self, resources: Resources) -> None:
        secret = await create(resources, "shop")

        for wrong in (
            secret[:-1],
            secret[:-1] + ("A" if secret[-1] != "A" else "B"),
            lookup_prefix(secret),
            generate_secret(),
            "",
            "rsk_",
        ):
            assert await verified_name(resources, wrong) is None
        assert await verified_name(resources, secret) == "shop"

    async def test_knows_no_revoked_one(self, resources: Resources) -> None:
        secret = await create(resources, "shop")
        async with resources.transaction() as session:
            await keys.revoke(session, "shop")

        assert await verified_name(resources, secret) is None


class TestRevoke:
    @pytest.mark.parametrize("by_prefix", [False, True])
    async def test_takes_the_name_or_the_prefix(self, resources: Resources, by_prefix: bool) -> None:
        secret = await create(resources, "shop")
        async with resources.transaction() as session:
            key = await keys.revoke(session, lookup_prefix(secret) if by_prefix else "shop")

        assert key.revoked_at is not None

    async def test_of_what_is_not_active_is_refused(self, resources: Resources) -> None:
        with pytest.raises(KeyNotFoundError):
            async with resources.transaction() as session:
                await keys.revoke(session, "nobody")

    async def test_frees_the_name(self, resources: Resources) -> None:
        first = await create(resources, "shop")
        async with resources.transaction() as session:
            await keys.revoke(session, "shop")

        second = await create(resources, "shop")

        assert [await verified_name(resources, secret) for secret in (first, second)] == [None, "shop"]


class TestEnsureBootstrap:
    async def ensure(self, resources: Resources, secret: str) -> None:
        async with resources.transaction() as session:
            await keys.ensure_bootstrap(session, secret)

    async def test_makes_the_key_once(self, resources: Resources) -> None:
        secret = generate_secret()
        for _ in range(3):
            await self.ensure(resources, secret)

        async with resources.reading() as session:
            rows = await keys.list_all(session)
        assert [(row.name, row.scopes, row.revoked_at) for row in rows] == [("bootstrap", ["bot", "admin"], None)]

    async def test_replaces_an_older_secret(self, resources: Resources) -> None:
        old, new = generate_secret(), generate_secret()
        await self.ensure(resources, old)
        await self.ensure(resources, new)

        assert [await verified_name(resources, secret) for secret in (old, new)] == [None, "bootstrap"]

    async def test_leaves_a_replaced_secret_revoked_and_says_so(self, resources: Resources) -> None:
        configure_logging(resources.settings, program="tests")
        old, new = generate_secret(), generate_secret()
        await self.ensure(resources, old)
        await self.ensure(resources, new)
        with written_log() as log:
            await self.ensure(resources, old)

        assert await verified_name(resources, old) is None
        assert "bootstrap_key_revoked" in log.getvalue()
        assert old not in log.getvalue()

    async def test_by_many_processes_at_once_makes_one(self, resources: Resources) -> None:
        secret = generate_secret()

        await asyncio.gather(*(self.ensure(resources, secret) for _ in range(8)))

        assert await verified_name(resources, secret) == "bootstrap"
