"""Inside the process that is to die: wrap one function of the product so that its n-th call is the last thing that happens."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.resources import Resources
from tests.crash.steps import Edge


@dataclass(frozen=True)
class Kill:
    """Die at the `nth` call of `target` ("module:function" or "module:Class.method")."""

    target: str
    edge: Edge
    nth: int


def resolve(target: str) -> tuple[Any, str, Callable[..., Awaitable[Any]]]:
    """Where the function stands (a module or a class), its name there, and itself. Raises when there is no such coroutine."""
    module_name, _, path = target.partition(":")
    owner: Any = import_module(module_name)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    found = getattr(owner, name)
    if not iscoroutinefunction(found):
        msg = f"{target} is no coroutine function"
        raise TypeError(msg)
    return owner, name, found


def arm(kill: Kill) -> None:
    """From now on the process dies where `kill` says."""
    owner, name, original = resolve(kill.target)
    doomed: set[AsyncSession] = set()
    calls = 0

    @wraps(original)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        is_it = calls == kill.nth
        if is_it and kill.edge is Edge.BEFORE:
            _die()
        result = await original(*args, **kwargs)
        if is_it and kill.edge is Edge.AFTER:
            _die()
        if is_it:
            doomed.update(each for each in (*args, *kwargs.values()) if isinstance(each, AsyncSession))
        return result

    setattr(owner, name, wrapped)
    # `from module import function` has bound it under other names as well.
    for module in [each for key, each in sys.modules.items() if key == "app" or key.startswith("app.")]:
        for alias in [key for key, value in vars(module).items() if value is original]:
            setattr(module, alias, wrapped)
    if kill.edge in {Edge.COMMIT, Edge.COMMITTED}:
        _watch_commits(doomed, kill.edge)


def _watch_commits(doomed: set[AsyncSession], edge: Edge) -> None:
    original = Resources.transaction

    @asynccontextmanager
    async def transaction(self: Resources) -> AsyncIterator[AsyncSession]:
        async with original(self) as session:
            yield session
            if edge is Edge.COMMIT and session in doomed:
                _die()
        if session in doomed:
            _die()

    Resources.transaction = transaction  # type: ignore[method-assign]  # this process exists to die of it


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
