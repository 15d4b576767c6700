"""The import laws of api/pyproject.toml hold, and each of them can see what it forbids."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
CONTRACTS = {
    each["id"]: each for each in tomllib.loads((ROOT / "api/pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}

ONE_DIRECTION = "rooms-one-direction"
DOMAINS = "domains-one-order"
SAME_ROOMS = "same-rooms-in-every-domain"
HTTP = "only-the-edge-knows-http"
DRIVERS = "routers-touch-no-driver"
SQL = "sql-answers-to-verbs"
OWN_SQL = "sql-answers-to-its-own-domain"
MONEY = "money-has-one-door"
PARTS = "parts-answer-to-orders"
TELEGRAM = "telegram-is-asked-by-jobs"
PROGRAMS = "programs-share-no-code"
BOT_ROOMS = "bot-one-direction"
BOT_SCREENS = "bot-screens-are-independent"
BOT_ALONE = "bot-has-no-database"

# (contract, file it is broken in, the line that breaks it)
VIOLATIONS = {
    "law 1: core reaches up to db": (ONE_DIRECTION, "api/app/core/clock.py", "import app.db.base"),
    "law 1: a room reaches up from inside a function": (ONE_DIRECTION, "api/app/queue/driver.py", "def f(): import app.resources"),
    "law 1: provider and queue know each other": (ONE_DIRECTION, "api/app/provider/wire.py", "import app.queue.enqueue"),
    "law 1: telegram asks the queue": (ONE_DIRECTION, "api/app/telegram/client.py", "import app.queue.enqueue"),
    "law 1: a domain knows an endpoint": (ONE_DIRECTION, "api/app/domain/users/service.py", "import app.api.v1.users"),
    "law 1: main starts the worker": (ONE_DIRECTION, "api/app/main.py", "import app.worker"),
    "law 1: a room that nobody named": (ONE_DIRECTION, "api/app/utils.py", ""),
    "law 2: the ledger learns of generations": (DOMAINS, "api/app/domain/ledger/rules.py", "import app.domain.generations.rules"),
    "law 2: the ledger learns of trials": (DOMAINS, "api/app/domain/ledger/service.py", "import app.domain.trial.service"),
    "law 2: generations learn of deliveries": (
        DOMAINS,
        "api/app/domain/generations/settlement.py",
        "import app.domain.deliveries.service",
    ),
    "law 2: broadcasts learn of operators": (
        DOMAINS,
        "api/app/domain/broadcasts/service.py",
        "import app.domain.operators.service",
    ),
    "law 2: a domain that nobody named": (DOMAINS, "api/app/domain/helpers.py", ""),
    "law 2: payments learn of generations": (DOMAINS, "api/app/domain/payments/rules.py", "import app.domain.generations.rules"),
    "law 3: rules ask the database": (SAME_ROOMS, "api/app/domain/keys/rules.py", "import app.domain.keys.queries"),
    "law 3: queries call the service": (SAME_ROOMS, "api/app/domain/trial/queries.py", "import app.domain.trial.service"),
    "law 3: settlement calls a job": (SAME_ROOMS, "api/app/domain/generations/settlement.py", "import app.domain.generations.jobs"),
    "law 3: a room no other domain has": (SAME_ROOMS, "api/app/domain/users/helpers.py", ""),
    "law 4: a service raises HTTP": (HTTP, "api/app/domain/users/service.py", "from fastapi import HTTPException"),
    "law 4: a domain knows HTTP through core": (HTTP, "api/app/domain/keys/rules.py", "import app.core.exception_handlers"),
    "law 4: the queue knows Telegram": (HTTP, "api/app/queue/worker.py", "import aiogram"),
    "law 4: a service asks Telegram in its transaction": (
        TELEGRAM,
        "api/app/domain/payments/service.py",
        "import app.telegram.client",
    ),
    "law 5: a router knows the database's library": (DRIVERS, "api/app/api/v1/users.py", "import sqlalchemy.ext.asyncio"),
    "law 5: a router asks Redis": (DRIVERS, "api/app/api/v1/service.py", "import redis.asyncio"),
    "law 5: a router calls the provider by hand": (DRIVERS, "api/app/api/v1/generations.py", "import aiohttp"),
    "law 5: a router opens the database": (DRIVERS, "api/app/api/root.py", "from app.db.session import unit_of_work"),
    "law 6: a router asks SQL": (SQL, "api/app/api/v1/generations.py", "from app.domain.generations import queries"),
    "law 6: the command line asks SQL": (SQL, "api/app/cli/operators.py", "from app.domain.keys import queries"),
    "law 6: schemas ask SQL": (SQL, "api/app/domain/generations/schemas.py", "from app.domain.generations import attempt_queries"),
    "law 6: a domain asks another one's SQL": (OWN_SQL, "api/app/domain/trial/service.py", "from app.domain.users import queries"),
    "law 6: settlement moves money itself": (MONEY, "api/app/domain/generations/settlement.py", "import app.domain.ledger.queries"),
    "law 6: a second door to money": (MONEY, "api/app/domain/ledger/jobs.py", "from app.domain.ledger import queries"),
    "law 6: a payment borrows the hold of an order": (
        PARTS,
        "api/app/domain/payments/queries.py",
        "from app.domain.ledger import parts",
    ),
    "law 7: app uses the simulator": (PROGRAMS, "api/app/embedded/up.py", "import simulator.server"),
    "law 7: the simulator reads our protocol": (PROGRAMS, "simulator/simulator/plan.py", "from app.provider import wire"),
    "law 7: the Telegram simulator borrows the other one's clock": (
        PROGRAMS,
        "telegram_simulator/telegram_simulator/chats.py",
        "from simulator import clock as others",
    ),
    "law 7: the bench measures with our code": (PROGRAMS, "bench/bench/load.py", "from app.core import clock"),
    "law 7: app uses the bot": (PROGRAMS, "api/app/core/errors.py", "import bot.translation"),
    "law 7: the bot uses the API's code": (PROGRAMS, "bot/bot/api/wire.py", "from app.core import clock"),
    "law 9: the API's client knows a screen": (BOT_ROOMS, "bot/bot/api/client.py", "import bot.features.start.handlers"),
    "law 9: a delivery opens a menu": (BOT_ROOMS, "bot/bot/delivery/feed.py", "import bot.features.generate.menu"),
    "law 9: a room that nobody named": (BOT_ROOMS, "bot/bot/utils.py", ""),
    "law 9: the till knows the desk": (BOT_SCREENS, "bot/bot/features/buy/handlers.py", "import bot.features.operators.states"),
    "law 9: the bot asks the database": (BOT_ALONE, "bot/bot/people.py", "import asyncpg"),
}


def lint_imports(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(root / program) for program in ("api", "bot", "simulator", "telegram_simulator", "bench"))
    env = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"}
    command = [LINT_IMPORTS, "--no-cache", "--no-logo", *options]
    return subprocess.run(command, cwd=root / "api", env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """The programs and their laws, in a place where they may be broken."""
    without_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "api/app", tmp_path / "api/app", ignore=without_caches)
    for program in ("bot/bot", "simulator/simulator", "telegram_simulator/telegram_simulator", "bench/bench"):
        shutil.copytree(ROOT / program, tmp_path / program, ignore=without_caches)
    shutil.copy(ROOT / "api/pyproject.toml", tmp_path / "api/pyproject.toml")
    return tmp_path


class TestImportLaws:
    def test_hold_in_the_tree(self) -> None:
        run = lint_imports(ROOT)
        assert run.returncode == 0, run.stdout + run.stderr

    def test_hold_in_an_unbroken_copy(self, copied_tree: Path) -> None:
        run = lint_imports(copied_tree)
        assert run.returncode == 0, run.stdout + run.stderr

    @pytest.mark.parametrize(("contract", "file", "line"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
    def test_see_a_violation(self, copied_tree: Path, contract: str, file: str, line: str) -> None:
        with (copied_tree / file).open("a") as broken:
            broken.write(f"\n{line}\n")
        run = lint_imports(copied_tree, "--contract", contract)
        assert run.returncode == 1, run.stdout + run.stderr
        assert f"{CONTRACTS[contract]['name']} BROKEN" in run.stdout

    def test_are_each_broken_at_least_once_here(self) -> None:
        assert {contract for contract, _, _ in VIOLATIONS.values()} == CONTRACTS.keys()

    @pytest.mark.parametrize("option", [(SQL, "protected_modules"), (OWN_SQL, "forbidden_modules")], ids=[SQL, OWN_SQL])
    def test_know_every_module_that_holds_sql(self, option: tuple[str, str]) -> None:
        contract, modules = option
        in_the_tree = {f"app.domain.*.{path.stem}" for path in (ROOT / "api/app/domain").glob("*/*queries.py")}
        assert in_the_tree <= set(CONTRACTS[contract][modules])
