"""entrypoint.sh as a container runs it: real programs of the assembled image, a real database."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
import psutil
import pytest

from app.db.migrations import head_revision
from tests import running
from tests.containers.image import ROOT, Image
from tests.factories import NO_TLS

START_TIMEOUT_S = 60
# uvicorn ends its work, and then hands the signal on that asked for the end.
ORDERLY_ENDS = {0, -signal.SIGTERM}
(MIGRATION_LOCK,) = re.findall(r"^MIGRATION_LOCK = ([0-9_]+)$", (ROOT / "api/alembic/env.py").read_text(), re.MULTILINE)


@asynccontextmanager
async def container(image: Image, *command: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run entrypoint.sh with this command, and end it."""
    process = await asyncio.create_subprocess_exec(
        str(image.app / "entrypoint.sh"),
        *command,
        env=image.environment(**env),
        cwd=image.app,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def an_api(image: Image, dsn: str, **env: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A container of the API on a free port; its process and its address."""
    with running.a_listener() as listener:
        base_url = running.address_of(listener)
    where = {"HOST": "127.0.0.1", "PORT": base_url.rpartition(":")[2], "DATABASE_URL": dsn}
    async with container(image, "rassom", "api", **where, **env) as process:
        yield process, base_url


async def until_healthy(process: asyncio.subprocess.Process, base_url: str) -> None:
    async with httpx2.AsyncClient(base_url=base_url, verify=NO_TLS) as http, asyncio.timeout(START_TIMEOUT_S):
        while True:
            assert process.returncode is None, "the API ended"
            try:
                await http.get("/api/v1/health")
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def ended(process: asyncio.subprocess.Process) -> str:
    """Ask it to end as `docker stop` does, and wait for that; what it said."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        said, _ = await process.communicate()
    return said.decode()


async def revisions(dsn: str) -> list[str]:
    """What stands in Alembic's table; nothing in a database that was never migrated."""
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return []
        return [row["version_num"] for row in await connection.fetch("SELECT version_num FROM alembic_version")]
    finally:
        await connection.close()


class TestApi:
    async def test_three_that_start_together_migrate_once(self, image: Image, empty_database_url: str) -> None:
        async with AsyncExitStack() as stack:
            apis = [await stack.enter_async_context(an_api(image, empty_database_url)) for _ in range(3)]
            await asyncio.gather(*(until_healthy(process, base_url) for process, base_url in apis))
            said = await asyncio.gather(*(ended(process) for process, _ in apis))
        assert await revisions(empty_database_url) == [head_revision()]
        assert {process.returncode for process, _ in apis} <= ORDERLY_ENDS
        assert [text for text in said if "Traceback" in text or "Finished server process" not in text] == []

    @pytest.mark.parametrize("word", ["false", "Off"])
    async def test_leaves_the_database_alone_when_told_to(self, image: Image, empty_database_url: str, word: str) -> None:
        async with an_api(image, empty_database_url, RUN_MIGRATIONS=word) as (process, base_url):
            await until_healthy(process, base_url)
            await ended(process)
        assert await revisions(empty_database_url) == []

    async def test_takes_the_place_of_the_shell(self, image: Image, empty_database_url: str) -> None:
        async with an_api(image, empty_database_url) as (process, base_url):
            await until_healthy(process, base_url)
            program = psutil.Process(process.pid)
            assert program.cmdline()[-2:] == [str(image.bin / "rassom"), "api"]
            assert program.children() == []
            assert "Finished server process" in await ended(process)
        assert process.returncode in ORDERLY_ENDS

    async def test_ends_at_once_while_it_waits_to_migrate(self, image: Image, empty_database_url: str) -> None:
        holder = await asyncpg.connect(empty_database_url)
        try:
            await holder.execute(f"SELECT pg_advisory_lock({int(MIGRATION_LOCK)})")
            async with an_api(image, empty_database_url) as (process, _):
                await until_somebody_waits(holder)
                started_s = time.monotonic()
                await ended(process)
                assert time.monotonic() - started_s < 5
        finally:
            await holder.close()
        assert process.returncode == 128 + signal.SIGTERM
        assert await revisions(empty_database_url) == []

    async def test_ends_with_the_reason_when_it_cannot_migrate(self, image: Image, tmp_path: Path) -> None:
        async with an_api(image, f"postgresql://rassom@/rassom?host={tmp_path}") as (process, _):
            said, _ = await process.communicate()
        assert (process.returncode, said != b"") == (1, True)


class TestWorker:
    async def test_ends_with_0_when_it_is_told_to(self, image: Image, database_url: str) -> None:
        async with container(image, "rassom", "worker", DATABASE_URL=database_url) as process:
            assert process.stdout is not None
            async with asyncio.timeout(START_TIMEOUT_S):
                while b"worker_started" not in await process.stdout.readline():
                    assert not process.stdout.at_eof()
            assert psutil.Process(process.pid).cmdline()[-2:] == [str(image.bin / "rassom"), "worker"]
            said = await ended(process)
        assert (process.returncode, "worker_stopped" in said) == (0, True)


class TestOtherCommands:
    async def test_migrate_nothing(self, image: Image, empty_database_url: str) -> None:
        async with container(image, "rassom", "keys", "generate", DATABASE_URL=empty_database_url) as process:
            said, _ = await process.communicate()
        assert (process.returncode, said.decode().startswith("rsk_")) == (0, True)
        assert await revisions(empty_database_url) == []

    async def test_end_with_their_own_code(self, image: Image) -> None:
        async with container(image, "sh", "-c", "exit 7") as process:
            assert await process.wait() == 7

    async def test_keep_their_arguments_whole(self, image: Image) -> None:
        async with container(image, "printf", "%s|", "a b", "", "*") as process:
            said, _ = await process.communicate()
        assert said == b"a b||*|"


async def until_somebody_waits(holder: asyncpg.Connection) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while not await holder.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"):
            await asyncio.sleep(0.05)
