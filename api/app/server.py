"""How the API is served: uvicorn, told to end the open streams the moment a signal asks for the end."""

import asyncio
import signal
from types import FrameType

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from app.core.config import Settings
from app.main import create_app

GRACE_S = 2


class ApiServer(uvicorn.Server):
    """uvicorn waits for open connections before it ends; a stream would hold it up until it is cut, so streams end first."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: wake every stream for the last time and end. A second Ctrl-C ends at once.

        uvicorn would keep the signal and raise it again at its end; an orderly stop is no failure.
        """
        asyncio.get_running_loop().call_soon_threadsafe(self._app.state.begin_shutdown)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises SystemExit when the address cannot be listened on."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.forwarded_allow_ips is not None,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        timeout_graceful_shutdown=GRACE_S,
    )
    ApiServer(app, config).run()
