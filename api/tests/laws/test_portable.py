"""The repository names no package index and no place of the machine it was written on."""

import re
from fnmatch import fnmatch

import pytest

INDEX_HOSTS = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.(?:com|org)|registry\.yarnpkg\.com|(?<!\S)--(?:extra-)?index-url")
MACHINE_PATHS = re.compile(r"(?<![\w./~-])/(?:work|root|home)/[\w.]|(?:HOME|PATH|cwd)=/(?:work|root|home)\b")
ANY_HOST = re.compile(r"https?://\S+")
DEPENDENCY_FILES = ["*.lock", "*requirements*.txt", "*package-lock.json", "*pip.conf", "*.npmrc", "*uv.toml"]


def found(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {match.group()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        for match in pattern.finditer(line)
    ]


class TestRepository:
    def test_names_no_package_index(self, repository_texts: dict[str, str]) -> None:
        assert found(INDEX_HOSTS, repository_texts) == []

    def test_names_no_path_of_one_machine(self, repository_texts: dict[str, str]) -> None:
        assert found(MACHINE_PATHS, repository_texts) == []

    def test_locks_dependencies_by_hash_and_not_by_address(self, repository_texts: dict[str, str]) -> None:
        locks = {name: text for name, text in repository_texts.items() if any(fnmatch(name, each) for each in DEPENDENCY_FILES)}
        assert {"requirements.lock", "requirements-dev.lock"} <= locks.keys()
        assert found(ANY_HOST, locks) == []
        assert [name for name, text in locks.items() if "--hash=sha256:" not in text] == []


class TestSearch:
    # Put together here, because this file is searched like every other one.
    @pytest.mark.parametrize(
        "line",
        ["https://pypi" + ".org/simple", "files.pythonhosted" + ".org", "registry.npmjs" + ".org", "pip --index" + "-url x"],
    )
    def test_sees_a_package_index(self, line: str) -> None:
        assert found(INDEX_HOSTS, {"file": line}) != []

    @pytest.mark.parametrize("top", ["work", "root", "home"])
    @pytest.mark.parametrize("line", ["cd {}/main", 'path = "{}/x.py"', "`{}/.cache`", "PYTHONPATH={}/api"])
    def test_sees_a_path_of_one_machine(self, line: str, top: str) -> None:
        assert found(MACHINE_PATHS, {"file": line.format("/" + top)}) != []

    @pytest.mark.parametrize(
        "line", ["https://example.com/home/x", "docs/home/x", "a work/home balance", "~/home/x", "GET /homes/1"]
    )
    def test_leaves_other_paths_alone(self, line: str) -> None:
        assert found(MACHINE_PATHS, {"file": line}) == []
