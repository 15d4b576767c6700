"""Who receives a session never ends it, and only queries and the queue speak to it (house laws 6 and 8)."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app"
DRIVER_WORDS = {("wire", word) for word in ("fetch", "fetch_row", "fetch_value", "Statement")}
SOURCES = sorted(APP.rglob("*.py"))


def calls_of(source: str) -> Iterator[tuple[int, ast.Attribute]]:
    """Every call of something's method, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, node.func


def commits(source: str) -> list[int]:
    """Lines that end a transaction by hand; `async with resources.transaction()` ends it."""
    return [line for line, method in calls_of(source) if method.attr in {"commit", "rollback"}]


def words_to_a_session(source: str) -> list[int]:
    """Lines that call a method of a session, as `session.execute(...)`, or ask its driver, as `wire.fetch(session, ...)`."""
    words = [(line, method.value.id, method.attr) for line, method in calls_of(source) if isinstance(method.value, ast.Name)]
    return [line for line, owner, word in words if owner == "session" or (owner, word) in DRIVER_WORDS]


def may_speak_to_a_session(path: Path) -> bool:
    room = path.relative_to(APP).parts[0]
    return path.name.endswith("queries.py") or room in {"queue", "db", "resources.py"}


def found(paths: list[Path], find: Callable[[str], list[int]]) -> list[str]:
    return [f"app/{path.relative_to(APP)}:{line}" for path in paths for line in find(path.read_text())]


class TestTransactions:
    def test_are_never_ended_by_hand(self) -> None:
        assert found(SOURCES, commits) == []

    @pytest.mark.parametrize(
        "code",
        [
            "async def f(session): await session.commit()",
            "async def f(resources): await resources.engine.begin().commit()",
            "def f(connection):\n    with connection as c:\n        c.commit()",
            "async def f(self): await self._session.rollback()",
        ],
    )
    def test_are_seen_when_ended_by_hand(self, code: str) -> None:
        assert commits(code) != []


class TestSessions:
    def test_are_only_passed_on_outside_queries_and_the_queue(self) -> None:
        assert found([path for path in SOURCES if not may_speak_to_a_session(path)], words_to_a_session) == []

    @pytest.mark.parametrize("word", ["execute(q)", "scalar(q)", "add(user)", "get(User, 1)", "flush()", "begin()"])
    def test_are_seen_when_spoken_to(self, word: str) -> None:
        assert words_to_a_session(f"async def f(session, q, user): await session.{word}") == [1]

    def test_are_seen_when_their_driver_is_asked(self) -> None:
        assert words_to_a_session("async def f(session, q): await wire.fetch_row(session, q)") == [1]

    def test_are_the_business_of_the_same_few_rooms(self) -> None:
        rooms = {path.relative_to(APP).parts[0] for path in SOURCES if may_speak_to_a_session(path)}
        assert rooms == {"domain", "queue", "db", "resources.py"}
