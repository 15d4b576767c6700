"""Logs: structlog over the standard library, JSON lines outside `local`, readable text on a terminal.

Every line carries what was bound for its request or job (`bind`), first of all the request id. Prompts, keys and request bodies
are never passed to a logger; `_mask` is the net under that rule.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.core.config import Settings

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "exception": 40, "critical": 50}
_NEVER_LOGGED = frozenset({"authorization", "api_key", "secret", "password", "prompt", "token", "dsn"})


@dataclass
class _Output:
    """Where lines go and how they look; set by `configure_logging`."""

    handler: logging.StreamHandler[Any] = field(default_factory=logging.StreamHandler)
    look: Sequence[structlog.typing.Processor] = ()


_output = _Output()


class _Lines:
    """A logger's end for our own lines: written by the one handler, but without the standard library's record around each of them,
    which costs more than the line. Two of them are written for each order.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, line: str) -> None:
        """One line; never half of one, whatever else is being written."""
        handler = _output.handler
        handler.acquire()
        try:
            handler.stream.write(f"{line}\n")
            handler.flush()
        finally:
            handler.release()

    debug = info = warning = error = critical = exception = write


def configure_logging(settings: Settings, *, program: str) -> None:
    """Send everything, libraries included, through one handler on stderr; `program` (api, worker, …) is on every line."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(program=program)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=()),
        _mask,
    ]
    structlog.configure(
        processors=[_drop_unheard, *shared, _render],
        logger_factory=_Lines,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if settings.environment == "local":
        # Tracebacks without local variables: those hold prompts and keys.
        plain = structlog.dev.plain_traceback
        tail: list[structlog.typing.Processor] = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        ]
    else:
        without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        tail = [structlog.processors.ExceptionRenderer(without_locals), structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
        )
    )
    _output.handler, _output.look = handler, tail
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("uvicorn.access", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `get_logger(__name__)`; events are short stable words, facts are keyword arguments."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def bind(**facts: Any) -> Iterator[None]:
    """Put `facts` on every line logged inside the block (this task and what it starts)."""
    with structlog.contextvars.bound_contextvars(**facts):
        yield


def _drop_unheard(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _LEVELS[method] < logging.getLogger().level:
        raise structlog.DropEvent
    return event


def _render(logger: Any, method: str, event: Any) -> Any:
    # Looked up for each line: a logger keeps the processors that it was first used with, also when a test begins anew.
    for step in _output.look:
        event = step(logger, method, event)
    return event


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in _NEVER_LOGGED.intersection(event):
        event[name] = "***"
    return event
