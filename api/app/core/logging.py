"""Logs: structlog over the standard library, JSON lines outside `local`, readable text on a terminal.

Every line carries what was bound for its request or job (`bind`), first of all the request id. Prompts, keys and request bodies
are never passed to a logger; `_mask` is the net under that rule.

A line leaves when it is logged, with one exception: the lines of requests (`log_request`) wait for each other, ten milliseconds at
most and never longer than for the next line of another kind (docs/decisions/0022).
"""

import asyncio
import logging
import sys
from collections.abc import MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import structlog
from typing_extensions import override

from app.core import clock
from app.core.config import Settings

REQUESTS_WAIT_S = 0.01

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "exception": 40, "critical": 50}
_NEVER_LOGGED = frozenset({"authorization", "api_key", "secret", "password", "prompt", "token", "dsn"})


# A request that has ended: when (seconds since 1970), the logger's name, level, id, method, path, status, how long it took in ms.
_Ended = tuple[float, str, str, str, str, str, int, float]


class _Handler(logging.StreamHandler[Any]):
    """The one way out for all lines, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[_Ended] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def write(self, line: str) -> None:
        """One line, now; never half of one, whatever else is being written."""
        self.acquire()
        try:
            self.stream.write(f"{self._take_waiting()}{line}\n")
            super().flush()
        finally:
            self.release()

    def write_soon(self, ended: _Ended) -> None:
        """The line of a request: in a moment, before the next line of another kind, or at the end of the process."""
        self.acquire()
        try:
            is_first = not self._waiting
            self._waiting.append(ended)
            # A loop that has ended takes its timers with it: what still waits for it goes with the next.
            if is_first or self._loop is None or self._loop.is_closed():
                self._flush_in_a_moment()
        finally:
            self.release()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """A library's line, now."""
        self.flush()
        super().emit(record)

    @override
    def flush(self) -> None:
        """Write what waits. The standard library calls it too when the process ends."""
        self.acquire()
        try:
            if self._waiting:
                self.stream.write(self._take_waiting())
            super().flush()
        finally:
            self.release()

    def _flush_in_a_moment(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._loop.call_later(REQUESTS_WAIT_S, self.flush)

    def _take_waiting(self) -> str:
        waiting, self._waiting = self._waiting, []
        return "".join(map(_line_of, waiting))


@dataclass
class _Output:
    """Where lines go and how they look; set by `configure_logging`."""

    handler: _Handler = field(default_factory=_Handler)
    look: Sequence[structlog.typing.Processor] = ()
    program: str = ""
    is_json: bool = False


_NOTHING: dict[str, Any] = {}
_bound: ContextVar[dict[str, Any]] = ContextVar("bound", default=_NOTHING)
_output = _Output()
_root = logging.getLogger()


class _Lines:
    """A logger's end for our own lines: written by the one handler, but without the standard library's record around each of them,
    which costs more than the line. Two of them are written for each order.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, line: str) -> None:
        """One line."""
        _output.handler.write(line)

    debug = info = warning = error = critical = exception = write


def configure_logging(settings: Settings, *, program: str) -> None:
    """Send everything, libraries included, through one handler on stderr; `program` (api, worker, …) is on every line."""
    shared: list[structlog.typing.Processor] = [
        _add_bound,
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
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
        )
    )
    _output.handler, _output.look = handler, tail
    _output.program, _output.is_json = program, settings.environment != "local"
    _root.handlers = [handler]
    _root.setLevel(settings.log_level.upper())
    for noisy in ("uvicorn.access", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `get_logger(__name__)`; events are short stable words, facts are keyword arguments."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


class bind:  # noqa: N801 - used as a word; a generator would cost each request more than what it does
    """Put `facts` on every line logged inside the block (this task and what it starts)."""

    def __init__(self, **facts: Any) -> None:
        self._facts = facts

    def __enter__(self) -> None:
        self._before = _bound.set({**_bound.get(), **self._facts})

    def __exit__(self, *_: object) -> None:
        _bound.reset(self._before)


def log_request(logger: str, level: str, *, request_id: str, method: str, path: str, status: int, took_ms: float) -> None:
    """The line of a request that has ended: what `request` at this level of this logger writes, for a tenth of the processor time.

    There is one for each request, so it is put together by hand, and waits for others, to be written with them. `took_ms` is
    written with one decimal.
    """
    if _LEVELS[level] < _root.level:
        return
    if not _output.is_json:
        getattr(get_logger(logger), level)("request", method=method, path=path, status=status, took_ms=round(took_ms, 1))
        return
    _output.handler.write_soon((clock.unix_s(), logger, level, request_id, method, path, status, took_ms))


def _line_of(ended: _Ended) -> str:
    at_s, logger, level, request_id, method, path, status, took_ms = ended
    second = int(at_s)
    return (
        f'{{"method": {quoted(method)}, "path": {quoted(path)}, "status": {status}, "took_ms": {took_ms:.1f}, "event": "request", '
        f'"program": "{_output.program}", "request_id": "{request_id}", "level": "{level}", "logger": "{logger}", '
        f'"timestamp": "{_second_of(second)}.{int((at_s - second) * 1_000_000):06}Z"}}\n'
    )


@lru_cache(maxsize=4)
def _second_of(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _drop_unheard(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _LEVELS[method] < _root.level:
        raise structlog.DropEvent
    return event


def _render(logger: Any, method: str, event: Any) -> Any:
    # Looked up for each line: a logger keeps the processors that it was first used with, also when a test begins anew.
    for step in _output.look:
        event = step(logger, method, event)
    return event


def _add_bound(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"program": _output.program, **_bound.get(), **event}


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in _NEVER_LOGGED.intersection(event):
        event[name] = "***"
    return event
