"""A database knows itself again; a restored one is noticed at the first start, once, whoever starts."""

import asyncio

import asyncpg

from app.domain.broadcasts import service as broadcasts
from app.domain.deliveries import service as deliveries
from app.domain.generations.restores import notice_restore
from app.resources import Resources
from tests.factories import Shop, as_superuser, written_log


async def state_of(shop: Shop) -> str:
    return str(await shop.eyes.fetchval("SELECT state FROM generation_jobs"))


class TestFirstStart:
    async def test_remembers_which_database_it_is(self, resources: Resources, database_url: str) -> None:
        assert await notice_restore(resources) == 0

        connection = await asyncpg.connect(database_url)
        identity = await connection.fetchval("SELECT identity FROM database_identity")
        cluster = await connection.fetchval("SELECT system_identifier FROM pg_control_system()")
        await connection.close()
        assert identity.startswith(f"{cluster}/")
        assert identity.endswith("/00000001")

    async def test_of_an_updated_version_doubts_nothing(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1))
        await shop.eyes.execute("DELETE FROM database_identity")

        assert await notice_restore(shop.resources) == 0
        assert await state_of(shop) == "ready"


class TestLaterStart:
    async def test_of_the_same_database_doubts_nothing(self, shop: Shop) -> None:
        await shop.order(await shop.rich_user(1))
        assert await notice_restore(shop.resources) == 0
        assert await state_of(shop) == "ready"

    async def test_of_another_database_doubts_what_waits_once(self, shop: Shop) -> None:
        pictures = ["https://pictures.example/b.png", "https://pictures.example/a.png"]
        await shop.order(await shop.rich_user(1), prompt="doubted", size="1024*1024", reference_urls=pictures)
        await shop.eyes.execute("UPDATE database_identity SET identity = 'another'")

        with written_log() as log:
            doubted = await asyncio.gather(*(notice_restore(shop.resources) for _ in range(5)))

        assert sorted(doubted) == [0, 0, 0, 0, 1]
        assert log.getvalue().count("database_was_restored") == 1
        attempt = await shop.eyes.fetchrow(
            "SELECT state, epoch, sent_path, sent_body::text, look_again_at IS NOT NULL FROM generation_jobs"
        )
        body = '{"size": "1024*1024", "images": ["' + '", "'.join(pictures) + '"], "prompt": "doubted", "enable_sync_mode": true}'
        assert tuple(attempt) == ("unknown", 1, "bytedance/seedream-v4/edit", body, True)
        assert await shop.eyes.fetchval("SELECT status FROM generation_requests") == "running"

        await shop.order(await shop.rich_user(1), prompt="new")
        assert await notice_restore(shop.resources) == 0
        assert await shop.eyes.fetchval("SELECT state FROM generation_jobs ORDER BY id DESC LIMIT 1") == "ready"


class TestRoleThatMayNotAsk:
    async def test_is_told_that_a_restore_would_not_be_noticed(self, shop: Shop) -> None:
        admin = await asyncpg.connect(as_superuser(str(shop.settings.database_dsn)))
        await admin.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        await admin.close()
        await shop.order(await shop.rich_user(1))

        with written_log() as log:
            assert await notice_restore(shop.resources) == 0

        assert "restore_not_detectable" in log.getvalue()
        assert await state_of(shop) == "ready"


class TestTellings:
    async def test_that_may_have_been_sent_are_repeated_once_and_broadcasts_are_stopped(self, shop: Shop) -> None:
        await shop.cancelled()
        await shop.http.post("/admin/broadcasts", json={"text": "hello"}, headers={"Idempotency-Key": "hello"})
        await shop.eyes.execute("UPDATE database_identity SET identity = 'another'")
        await notice_restore(shop.resources, deliveries.doubt, broadcasts.doubt)

        (item,) = await shop.claim()
        path, mine = f"/deliveries/{item['generation']['id']}/start", {"epoch": item["epoch"]}
        starts = [(await shop.http.post(path, json=mine)).json()["may_send"] for _ in range(2)]
        assert starts == [True, False]
        assert await shop.eyes.fetchval("SELECT state FROM broadcasts") == "stopped"
