"""The floor of a read: a bare Starlette endpoint that sends the bytes of a file, on the server and with the settings of the API.

`python -m bench.floors.endpoint FILE` prints its port and serves until it is told to stop.
"""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def application(body: bytes) -> Starlette:
    """One route that sends these bytes."""

    async def send(_: Request) -> Response:
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/", send)])


def serve(file: Path) -> None:
    """Serve until SIGINT or SIGTERM."""
    config = uvicorn.Config(application(file.read_bytes()), port=0, log_config=None, access_log=False, server_header=False)
    listener = config.bind_socket()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
