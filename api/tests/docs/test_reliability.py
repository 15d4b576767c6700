"""docs/reliability.md names what proves each promise: each hostile case has its tests, and the page names exactly those."""

import ast
import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parents[1] / "docs/reliability.md"
PROMISES = [f"P{number}" for number in range(1, 12)]
CASES = range(1, 26)

PROMISE_ROW = re.compile(r"^\| (P\d+) \| [^|]+ \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
CASE_ROW = re.compile(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py(?:::\w+)+)`")


def marked(name: str, source: str) -> dict[int, set[str]]:
    """The tests of a file (or whole classes of them) that are marked with the number of a case."""
    found: defaultdict[int, set[str]] = defaultdict(set)

    def look(node: ast.AST, path: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                inner = f"{path}::{child.name}"
                for number in numbers(child):
                    found[number].add(inner)
                look(child, inner)

    look(ast.parse(source), name)
    return dict(found)


def numbers(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[int]:
    calls = [call for call in node.decorator_list if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.case"]
    return [int(ast.literal_eval(argument)) for call in calls for argument in call.args]


def all_marked() -> dict[int, set[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for number, tests in marked(path.relative_to(TESTS).as_posix(), path.read_text()).items():
            found[number] |= tests
    return dict(found)


class TestHostileCases:
    def test_have_a_test_each(self) -> None:
        assert sorted(all_marked()) == list(CASES)

    def test_are_told_with_exactly_their_tests(self) -> None:
        told = {int(number): set(TEST.findall(tests)) for number, tests in CASE_ROW.findall(PAGE.read_text())}
        assert told == all_marked()


class TestPromises:
    def test_have_a_row_each(self) -> None:
        assert PROMISE_ROW.findall(PAGE.read_text()) == PROMISES


class TestSearch:
    def test_sees_marks_on_tests_and_on_classes(self) -> None:
        source = """
@pytest.mark.case(3)
class TestA:
    @pytest.mark.case(1)
    @pytest.mark.case(2)
    async def test_one(self): ...

    def test_two(self): ...
"""
        assert marked("a.py", source) == {3: {"a.py::TestA"}, 1: {"a.py::TestA::test_one"}, 2: {"a.py::TestA::test_one"}}
