"""The documents say what is there: links, paths, commands, settings, calls and error codes are the code's, and none is missing."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from typer.main import get_command

from app.cli import commands
from app.core.config import Settings
from app.core.errors import RassomError
from app.core.exception_handlers import add_exception_handlers
from app.domain.generations.rules import FailureCode
from app.main import create_app
from bot.settings import Settings as BotSettings

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "api/app"
READMES = ["README.md", "README.uz.md"]
DOCUMENTS = [*READMES, *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]
ERRORS = "docs/errors.md"
# What a backticked path may be relative to, as the documents say where they use it.
BASES = [ROOT, ROOT / "api", APP, ROOT / "api/tests"]
NONE = "\N{EN DASH}"
SUFFIXES = (".py", ".md", ".toml", ".lock", ".sql", ".ini", ".example")
# Made when Rassom runs, not committed.
MADE_AT_RUN_TIME = (".venv", ".rassom", ".env")

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CALL = re.compile(r"^\| `(GET|POST|PUT|PATCH|DELETE) ([^`]+)` \|", re.MULTILINE)
SETTING = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| (\S+) \|", re.MULTILINE)
# A section of docs/errors.md begins with the status and the code that its heading is the anchor of.
CODE_SECTION = re.compile(r"^### ([a-z-]+)\n\n`\d{3} ([a-z_]+)`", re.MULTILINE)
CODE_STATUS = re.compile(r"`(\d{3}) ([a-z_]+)`")
CODE_ROW = re.compile(r"^\| \[`([a-z_]+)`\]\(#([a-z-]+)\) \| (\d{3}(?:, \d{3})*) \|", re.MULTILINE)
FAILURE_ROW = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)


def read(name: str) -> str:
    return (ROOT / name).read_text()


def without_code(text: str) -> str:
    """The prose: links and anchors live here only."""
    return SPAN.sub("", FENCE.sub("", text))


def code_of(text: str) -> list[str]:
    """What is set as code: each fenced block and each span."""
    return [*FENCE.findall(text), *SPAN.findall(FENCE.sub("", text))]


def anchors_of(text: str) -> set[str]:
    """The anchors of the headings, as code hosts make them."""
    titles = (re.sub(r"[^\w\- ]", "", title.strip().lower()) for title in HEADING.findall(FENCE.sub("", text)))
    return {title.replace(" ", "-") for title in titles}


def broken_links(name: str, text: str) -> list[str]:
    """Relative links of this document that lead to no file, or to no heading in it."""
    broken = []
    for link in LINK.findall(without_code(text)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        is_whole = target.exists() and (not anchor or anchor in anchors_of(text if not path else target.read_text()))
        broken += [] if is_whole else [link]
    return broken


def lost_paths(text: str) -> list[str]:
    """Backticked words that look like a path of this repository and are none."""
    spans = {span.rstrip("/") for span in SPAN.findall(FENCE.sub("", text)) if re.fullmatch(r"[\w./-]+", span)}
    paths = {span for span in spans if not span.startswith("/") and not span.startswith(MADE_AT_RUN_TIME)}
    tops = {entry.name for base in BASES for entry in base.iterdir()}
    named = {path for path in paths if path.split("/")[0] in tops and "/" in path}
    files = {path for path in paths if path.endswith(SUFFIXES)}
    return sorted(path for path in named | files if not is_there(path))


def is_there(path: str) -> bool:
    if any((base / path).exists() for base in BASES):
        return True
    # A file by its name alone, where the sentence says which folder is meant.
    return "/" not in path and any(True for _ in APP.rglob(path))


def unknown_targets(text: str) -> list[str]:
    """`make` targets that the Makefile does not have."""
    there = set(re.findall(r"^([a-z]+(?:-[a-z]+)*):", read("Makefile"), re.MULTILINE))
    named = {target for code in code_of(text) for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)", code)}
    return sorted(named - there)


def unknown_verbs(text: str) -> list[str]:
    """`rassom` verbs that the command line does not have."""
    verbs: dict[str, set[str]] = {}
    for name, command in get_command(commands.app).commands.items():  # type: ignore[attr-defined]  # the app is a group
        verbs[name] = set(getattr(command, "commands", {}))
    unknown = []
    for code in code_of(text):
        for verb, rest in re.findall(r"(?<![\w@/-])(?:\.venv/bin/)?rassom ([a-z]+(?:-[a-z]+)*)(?: ([a-z]+))?", code):
            if verb not in verbs or (verbs[verb] and rest not in verbs[verb]):
                unknown.append(f"{verb} {rest}".strip())
    return unknown


def shown_commands(text: str) -> list[str]:
    """The operator's commands of the fenced blocks, without what explains them or is an example's value."""
    return re.findall(r"^\.venv/bin/rassom [a-z]+(?: [a-z]+)?", "\n".join(FENCE.findall(text)), re.MULTILINE)


def shown_default(value: object) -> str:
    """A setting's default as the tables show it."""
    if value is None or value in ([], frozenset()) or callable(value):
        return NONE
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def error_codes() -> dict[str, set[str]]:
    """Each code that the app can answer, with its HTTP statuses: of its error classes and of the exception handlers."""
    for path in APP.rglob("errors.py"):
        import_module(".".join(path.relative_to(APP.parent).with_suffix("").parts))
    codes: defaultdict[str, set[str]] = defaultdict(set)
    for kind in below(RassomError):
        codes[kind.code].add(str(kind.status))
    for node in ast.walk(ast.parse((APP / "core/exception_handlers.py").read_text())):
        for status, code in rendered(node):
            codes[code].add(status)
    return dict(codes)


def below(kind: type[RassomError]) -> Iterator[type[RassomError]]:
    """The app's own kinds of this error; those that tests make up are left out."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("app."):
            yield child
            yield from below(child)


def rendered(node: ast.AST) -> Iterator[tuple[str, str]]:
    """What a handler answers: the framework's statuses with their codes, and what is written out in a call of `render`."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "render":
        pairs = iter([(node.args[1], node.args[2])])
    else:
        return
    for status, code in pairs:
        if isinstance(status, ast.Constant) and isinstance(code, ast.Constant) and isinstance(status.value, int):
            yield str(status.value), str(code.value)


@pytest.fixture(scope="module")
def api() -> FastAPI:
    """The API with nothing behind it: it is only asked for its schema."""
    return create_app(Settings(_env_file=None, log_level="error"))


@pytest.mark.parametrize("name", DOCUMENTS)
class TestDocuments:
    def test_link_to_what_is_there(self, name: str) -> None:
        assert broken_links(name, read(name)) == []

    def test_name_paths_that_are_there(self, name: str) -> None:
        assert lost_paths(read(name)) == []

    def test_name_make_targets_that_are_there(self, name: str) -> None:
        assert unknown_targets(read(name)) == []

    def test_name_verbs_that_are_there(self, name: str) -> None:
        assert unknown_verbs(read(name)) == []


@pytest.mark.parametrize("name", READMES)
class TestReadmes:
    def test_list_every_setting_with_its_default(self, name: str) -> None:
        fields = (BotSettings.model_fields | Settings.model_fields).items()
        expected = {
            field.upper(): NONE if info.is_required() else shown_default(info.default_factory or info.default)
            for field, info in fields
        }
        assert dict(SETTING.findall(read(name))) == expected

    def test_list_every_call(self, name: str, api: FastAPI) -> None:
        paths = api.openapi()["paths"].items()
        assert set(CALL.findall(read(name))) == {(method.upper(), path) for path, calls in paths for method in calls}

    def test_show_the_same_commands(self, name: str) -> None:
        assert shown_commands(read(name)) == shown_commands(read(READMES[0])) != []


class TestErrors:
    def test_are_all_explained_and_none_is_invented(self) -> None:
        assert sorted(code for _, code in CODE_SECTION.findall(read(ERRORS))) == sorted(error_codes())

    def test_have_the_statuses_of_the_code(self) -> None:
        told: defaultdict[str, set[str]] = defaultdict(set)
        for status, code in CODE_STATUS.findall(read(ERRORS)):
            told[code].add(status)
        assert told == error_codes()

    def test_are_found_by_the_link_of_a_problem(self) -> None:
        assert [(anchor, code) for anchor, code in CODE_SECTION.findall(read(ERRORS)) if anchor != code.replace("_", "-")] == []

    def test_stand_in_the_table_in_alphabetical_order(self) -> None:
        codes = error_codes()
        rows = [(code, code.replace("_", "-"), ", ".join(sorted(codes[code]))) for code in sorted(codes)]
        assert CODE_ROW.findall(read(ERRORS)) == rows

    def test_of_failed_generations_are_all_explained(self) -> None:
        _, _, failures = read(ERRORS).partition("## Why a generation failed")
        assert FAILURE_ROW.findall(failures) == ["error_code", *FailureCode]


class TestFramework:
    """What FastAPI itself refuses is a problem with a documented code as well."""

    @pytest.mark.parametrize(
        ("method", "path", "code"),
        [("GET", "/nowhere", "not_found"), ("DELETE", "/orders", "method_not_allowed"), ("POST", "/orders", "validation_error")],
    )
    async def test_refusals_are_documented(self, method: str, path: str, code: str) -> None:
        app = FastAPI()
        add_exception_handlers(app)

        @app.post("/orders")
        async def order(body: dict[str, int]) -> dict[str, int]:
            return body

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://rassom") as client:
            answer = await client.request(method, path, content=b"{", headers={"Content-Type": "application/json"})
        assert answer.json()["code"] == code
        assert (str(answer.status_code), code) in CODE_STATUS.findall(read(ERRORS))


class TestSearch:
    def test_sees_a_broken_link(self) -> None:
        text = "[a](nowhere.md) [b](docs/errors.md#no-such-code) [c](#here) [d](https://example.com) [e](docs/errors.md#not-found)"
        assert broken_links("README.md", text) == ["nowhere.md", "docs/errors.md#no-such-code", "#here"]

    def test_sees_a_lost_path(self) -> None:
        assert lost_paths("`api/app/nowhere/`, `domain/nothing.py`, `jobs.py`, `api/app/main.py`, `.rassom/log/`") == [
            "api/app/nowhere",
            "domain/nothing.py",
        ]

    def test_sees_an_unknown_target(self) -> None:
        assert unknown_targets("`make everything`, and ```make sense``` of\n```\nmake run\nmake tea\n```") == [
            "everything",
            "sense",
            "tea",
        ]

    def test_sees_an_unknown_verb(self) -> None:
        assert unknown_verbs("`rassom audit`, `rassom fly`, `.venv/bin/rassom keys burn`, `rassom keys list --json`") == [
            "fly",
            "keys burn",
        ]
        assert unknown_verbs("`rassom telegram-simulator`, `rassom telegram-radio`") == ["telegram-radio"]
