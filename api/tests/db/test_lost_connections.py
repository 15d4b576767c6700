"""Connections to PostgreSQL that are lost at a bad moment: 503 for whoever asked, the end for whoever follows, and no traceback."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlalchemy import text

from app.core.config import Settings
from app.core.errors import ServiceUnavailableError
from app.embedded.postgres import Postgres
from app.resources import Resources, open_resources
from tests import running
from tests.factories import BOT_KEY, NO_TLS, changed, written_log
from tests.proxy import Link


@pytest.fixture
async def link(postgres_server: Postgres) -> AsyncIterator[Link]:
    async with Link("us>database", postgres_server.socket_dir / ".s.PGSQL.5432").open() as link:
        yield link


@pytest.fixture
def settings(settings: Settings, link: Link) -> Settings:
    """The database over the wire."""
    name = (settings.database_dsn or "").partition("@/")[2].partition("?")[0]
    return changed(settings, database_url=f"postgresql://rassom@127.0.0.1:{link.port}/{name}?sslmode=disable")


async def ask(resources: Resources) -> None:
    async with resources.transaction() as session:
        await session.execute(text("SELECT 1"))


class TestLostConnection:
    async def test_is_busy_when_it_is_lost_while_it_is_made(self, settings: Settings, link: Link) -> None:
        async with open_resources(settings, program="tests") as resources, asyncio.TaskGroup() as group:
            loss = group.create_task(link.rob(b""))
            await asyncio.sleep(0)
            with pytest.raises(ServiceUnavailableError):
                await ask(resources)
            assert await loss == 1

    async def test_is_not_noticed_when_it_was_lost_while_nobody_used_it(self, settings: Settings, link: Link) -> None:
        async with open_resources(settings, program="tests") as resources:
            await ask(resources)
            await link.cut()
            await asyncio.sleep(0.05)
            await ask(resources)

    async def test_is_busy_when_the_answer_to_a_statement_is_lost(self, settings: Settings, link: Link) -> None:
        async with open_resources(settings, program="tests") as resources:
            async with resources.reading() as session:
                await session.execute(text("SELECT 1"))
            async with asyncio.TaskGroup() as group:
                loss = group.create_task(link.rob(b""))
                await asyncio.sleep(0)
                with pytest.raises(ServiceUnavailableError):
                    await ask(resources)
            assert loss.result() == 1

    async def test_ends_a_stream_without_an_error(self, settings: Settings, link: Link) -> None:
        async with running.api(settings) as url, httpx2.AsyncClient(base_url=f"{url}/api/v1", timeout=20, verify=NO_TLS) as http:
            headers = {"Authorization": f"Bearer {BOT_KEY}"}
            with written_log() as log:
                async with http.stream("GET", "/events", params={"after": 0}, headers=headers) as stream:
                    lines = stream.aiter_lines()
                    assert await anext(lines) == ": open"
                    link.target = link.target.with_name("no-such-socket")  # type: ignore[union-attr]  # it is a path here
                    await link.cut()
                    async for line in lines:
                        assert line in {"", ": alive"}

        assert "stream_ended_without_database" in log.getvalue()
        assert "[error" not in log.getvalue()
