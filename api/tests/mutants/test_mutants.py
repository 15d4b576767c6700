"""Each seeded bug still fits the code and names tests that exist. That the tests notice is what `make mutants` runs."""

import ast
from pathlib import Path

import pytest

from tests.mutants import BUGS
from tests.mutants.bug import ROOT, Bug, Edit, PatchError

TESTS = ROOT / "api/tests"
BUGS_MIN = 30


def exists(name: str) -> bool:
    """Whether pytest would find this test: its file, its class and its function."""
    path, *parts = name.partition("[")[0].split("::")
    file = TESTS / path
    nodes: list[ast.stmt] = ast.parse(file.read_text()).body if file.exists() else []
    for part in parts:
        found = [node for node in nodes if getattr(node, "name", "") == part]
        if not found:
            return False
        nodes = getattr(found[0], "body", [])
    return file.exists()


class TestBugs:
    def test_are_many_and_have_names_of_their_own(self) -> None:
        assert len({bug.name for bug in BUGS}) == len(BUGS) >= BUGS_MIN

    @pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
    def test_fit_the_code_and_leave_python(self, bug: Bug, tmp_path: Path) -> None:
        for edit in bug.edits:
            copy = tmp_path / edit.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists():
                copy.write_text((ROOT / edit.path).read_text())
            edit.apply(tmp_path)
            ast.parse(copy.read_text())

    @pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
    def test_name_tests_that_exist(self, bug: Bug) -> None:
        assert bug.tests
        assert [name for name in bug.tests if not exists(name)] == []


class TestEdit:
    @pytest.mark.parametrize("text", ["nothing of it", "old old"])
    def test_that_does_not_fit_exactly_once_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.py").write_text(text)
        with pytest.raises(PatchError):
            Edit("a.py", "old", "new").apply(tmp_path)
        assert (tmp_path / "a.py").read_text() == text
