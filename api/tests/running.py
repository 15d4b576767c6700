"""The programs of Rassom inside the test's own event loop, on free loopback ports: real HTTP, real shutdown."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import uvicorn

from app.core.config import Settings
from app.domain.generations.jobs import wire_jobs
from app.domain.generations.restores import notice_restore
from app.main import create_app
from app.queue.worker import run_queue
from app.resources import open_resources

STOP_MAX_S = 20.0

# The queue's listening connection asks `SELECT 1` twenty times a second until it listens, and every few seconds from then on.
_IS_LISTENING = """
    SELECT EXISTS (
        SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = '' AND query = 'SELECT 1'
            AND query_start < clock_timestamp() - interval '0.1 seconds'
    )
"""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the test run keeps its own."""

    def install_signal_handlers(self) -> None:
        """Leave signals alone."""


def a_listener() -> socket.socket:
    """A free port, for an API that has to know its own address before it starts."""
    # With the protocol named, asyncio sets TCP_NODELAY on accepted connections; unnamed, answers lag 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


def address_of(listener: socket.socket) -> str:
    """Where the API that serves this listener is reached."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def api(settings: Settings, at: socket.socket | None = None) -> AsyncIterator[str]:
    """Serve the API; yields its address."""
    with at or a_listener() as listener:
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
            proxy_headers=settings.forwarded_allow_ips is not None,
            forwarded_allow_ips=settings.forwarded_allow_ips,
        )
        server = _Server(config)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server._serve([listener]))
            while not server.started:
                if serving.done():
                    serving.result()
                await asyncio.sleep(0.005)
            try:
                yield address_of(listener)
            finally:
                app.state.begin_shutdown()
                server.should_exit = True
                await _rest(serving)


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[asyncio.Event]:
    """Run the queue; yields the event that stops it, which the end of the block sets too."""
    stopping = asyncio.Event()
    async with open_resources(settings, program="worker") as resources, asyncio.TaskGroup() as group:
        jobs, schedules = wire_jobs(resources)
        dsn = settings.database_dsn or ""
        await notice_restore(resources)
        running = group.create_task(run_queue(dsn, jobs, schedules, lease_s=settings.worker_lease_seconds, stopping=stopping))
        await _until_listening(dsn)
        try:
            yield stopping
        finally:
            stopping.set()
            await _rest(running)


async def _rest(program: asyncio.Task[None]) -> None:
    """Wait for its own end, also when the test has failed: a task group would cancel it then. A server that is cancelled leaves
    its listening socket in the event loop, and whoever gets that socket's number next never hears of its data.
    """
    await asyncio.wait({program}, timeout=STOP_MAX_S)


async def _until_listening(dsn: str) -> None:
    """Wait until the queue hears of new jobs: one that is queued before waits for the queue's next look, seconds later."""
    connection = await asyncpg.connect(dsn)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while not await connection.fetchval(_IS_LISTENING):
                    await asyncio.sleep(0.01)
    finally:
        await connection.close()
