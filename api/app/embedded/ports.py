"""TCP ports: whether one can be listened on, and which are free."""

import errno
import socket
import time
from contextlib import ExitStack

from app.embedded.processes import EmbeddedError, Pause


def check(host: str, port: int) -> None:
    """Raise EmbeddedError, with the way out, unless a server could listen there now."""
    try:
        _bind(host, port)
    except socket.gaierror as error:
        raise EmbeddedError(f"HOST={host} cannot be resolved to an address of this machine. Try HOST=127.0.0.1 make run") from error
    except OSError as error:
        raise EmbeddedError(_sentence(host, port, error)) from error


def wait_until_free(host: str, port: int, *, within_s: float, pause: Pause = time.sleep) -> bool:
    """Whether a server can listen there, now or within so many seconds."""
    deadline_s = time.monotonic() + within_s
    while not is_free(host, port):
        if time.monotonic() >= deadline_s:
            return False
        pause(0.05)
    return True


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """So many different loopback ports that are free now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: connections of an earlier one that still linger do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        # Two sockets may be bound with that option, only one may listen.
        probe.listen(1)


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program. Free it, or choose another one: PORT={_other(port)} make run"
    if error.errno == errno.EACCES:
        return f"You may not listen on port {port}. Choose one above 1023: PORT=8000 make run"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is not an address of this machine. Try HOST=127.0.0.1 make run"
    return f"Port {port} on {host} cannot be used ({error.strerror}). Choose another one: PORT={_other(port)} make run"


def _other(port: int) -> int:
    return port + 1 if port < 65_535 else 8001  # noqa: PLR2004 - the last port there is
