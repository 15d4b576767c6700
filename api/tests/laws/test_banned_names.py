"""The names that pyproject.toml bans (ruff TID251) are found where they are banned, and nowhere allowed by accident."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RUFF = Path(sys.executable).with_name("ruff")
LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
BANS: dict[str, dict[str, str]] = LINT["flake8-tidy-imports"]["banned-api"]
SQL_BANS = {name for name in BANS if name.startswith("sqlalchemy.")}
OTHER_BANS = {name: ban for name, ban in BANS.items() if name not in SQL_BANS}


def ruff(*options: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [RUFF, "check", "--no-cache", "--select", "TID251", "--output-format", "concise", *options]
    return subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False)


def use_of(name: str) -> str:
    """Code that reaches the name: imported where it can be, through its module or class where it has to be."""
    first, second, *rest = name.split(".")
    return f"from {first} import {second}\n\n{'.'.join([second, *rest])}()\n"


def check_code(code: str, filename: str) -> subprocess.CompletedProcess[str]:
    return ruff("--config", "pyproject.toml", "--stdin-filename", filename, "-", code=code)


@pytest.fixture(scope="session")
def without_sql_bans(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A configuration for the files that may write SQL: every other ban, and no file is excused."""
    config = tmp_path_factory.mktemp("ruff") / "ruff.toml"
    bans = "".join(f"{json.dumps(name)}.msg = {json.dumps(ban['msg'])}\n" for name, ban in OTHER_BANS.items())
    config.write_text(f"[lint.flake8-tidy-imports.banned-api]\n{bans}")
    return str(config)


class TestBannedNames:
    @pytest.mark.parametrize("name", BANS)
    def test_are_found_in_a_service(self, name: str) -> None:
        run = check_code(use_of(name), "api/app/domain/users/service.py")
        assert run.returncode == 1, run.stderr
        assert f"TID251 `{name}` is banned: {BANS[name]['msg']}" in run.stdout

    @pytest.mark.parametrize("room", ["api/v1/users.py", "deps/caller.py", "domain/generations/jobs.py", "domain/ledger/models.py"])
    def test_are_found_in_every_room_that_writes_no_sql(self, room: str) -> None:
        run = check_code("from sqlalchemy import text\n", f"api/app/{room}")
        assert "TID251 `sqlalchemy.text` is banned" in run.stdout

    @pytest.mark.parametrize("room", ["domain/ledger/queries.py", "domain/generations/attempt_queries.py", "queue/enqueue.py"])
    def test_leave_sql_to_queries_and_the_queue(self, room: str) -> None:
        run = check_code("from sqlalchemy import text\n", f"api/app/{room}")
        assert run.returncode == 0, run.stdout

    def test_hold_also_where_sql_is_allowed(self, without_sql_bans: str) -> None:
        run = ruff("--config", without_sql_bans, "api/app")
        assert run.returncode == 0, run.stdout

    @pytest.mark.parametrize("name", OTHER_BANS)
    def test_are_found_also_where_sql_is_allowed(self, without_sql_bans: str, name: str) -> None:
        run = ruff("--config", without_sql_bans, "--stdin-filename", "api/app/queue/worker.py", "-", code=use_of(name))
        assert f"TID251 `{name}` is banned" in run.stdout
