"""Logs: structlog over the standard library, JSON lines outside `local`, readable text on a terminal.

Every line carries what was bound for its request or job (`bind`), first of all the request id. Prompts, keys and request bodies
are never passed to a logger; `_mask` is the net under that rule.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from app.core.config import Settings

_NEVER_LOGGED = frozenset({"authorization", "api_key", "secret", "password", "prompt", "token", "dsn"})


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
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
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


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in _NEVER_LOGGED.intersection(event):
        event[name] = "***"
    return event
