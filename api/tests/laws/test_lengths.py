"""Files and functions that a reader can hold in mind. A file with a reason says it in a line of its own, after `long:`."""

import ast
import re

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70
REASON = re.compile(r"^# long: \S", re.MULTILINE)


def is_limited(name: str) -> bool:
    return name.endswith(".py") and "/versions/" not in name


def too_long(name: str, source: str) -> list[str]:
    """What is over a limit in this file. Tests and migrations may have long functions: they are told from top to bottom."""
    if REASON.search(source):
        return []
    lines = source.count("\n")
    found = [f"{name}: {lines} lines"] if lines > FILE_LINES_MAX else []
    if "tests/" in name:
        return found
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = [(function, (function.end_lineno or 0) - function.lineno + 1) for function in functions]
    return found + [f"{name}:{f.lineno}: {f.name} has {length} lines" for f, length in lengths if length > FUNCTION_LINES_MAX]


def function_of(lines: int) -> str:
    return "async def story():\n" + "    x = 1\n" * (lines - 1)


class TestLengths:
    def test_are_kept_in_the_tree(self, repository_texts: dict[str, str]) -> None:
        sources = {name: text for name, text in repository_texts.items() if is_limited(name)}
        assert len(sources) > 50
        assert [each for name, source in sources.items() for each in too_long(name, source)] == []

    def test_allow_a_file_of_300_lines(self) -> None:
        assert too_long("app/a.py", "x = 1\n" * 300) == []

    def test_refuse_a_file_of_301_lines(self) -> None:
        assert too_long("app/a.py", "x = 1\n" * 301) == ["app/a.py: 301 lines"]

    def test_allow_a_function_of_70_lines(self) -> None:
        assert too_long("app/a.py", function_of(70)) == []

    def test_refuse_a_function_of_71_lines(self) -> None:
        assert too_long("app/a.py", function_of(71)) == ["app/a.py:1: story has 71 lines"]

    def test_allow_what_gives_its_reason(self) -> None:
        assert too_long("app/a.py", "# long: one table, read from top to bottom\n" + "x = 1\n" * 400) == []

    def test_refuse_an_empty_reason(self) -> None:
        assert too_long("app/a.py", "# long:\n" + "x = 1\n" * 400) != []
