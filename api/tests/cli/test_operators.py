"""The operator's commands as real processes: what they print, what they store, and how they end."""

import asyncio
import json
import os
import re
import sys
from decimal import Decimal
from pathlib import Path

import asyncpg
import click
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.cli.commands import app
from app.db.migrations import head_revision
from tests.cli.rassom import Rassom
from tests.factories import Shop, as_superuser


@pytest.fixture
def rassom(database_url: str, tmp_path: Path) -> Rassom:
    return Rassom(tmp_path, {"DATABASE_URL": database_url, "LOG_LEVEL": "warning", "RASSOM_HOME": str(tmp_path / "home")})


def is_one_sentence(text: str) -> bool:
    """Words for a person: one line, no traceback."""
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text and text.strip().endswith(".")


class TestKeys:
    async def test_are_made_shown_and_revoked(self, rassom: Rassom) -> None:
        created = await rassom("keys", "create", "--name", "shop", "--scope", "bot", "--scope", "admin", "--json")
        taken = await rassom("keys", "create", "--name", "shop", "--scope", "bot")
        listed = await rassom("keys", "list", "--json")
        revoked = await rassom("keys", "revoke", "shop")
        shown = await rassom("keys", "list")

        key = created.json
        assert re.fullmatch(r"rsk_[A-Za-z0-9_-]{43}", key["secret"])
        assert (key["name"], sorted(key["scopes"]), key["revoked_at"]) == ("shop", ["admin", "bot"], None)
        assert (taken.code, taken.said, is_one_sentence(taken.complained)) == (1, "", True)
        assert [(row["name"], row["prefix"]) for row in listed.json] == [("shop", key["prefix"])]
        assert key["secret"] not in listed.said + shown.said
        assert (revoked.code, revoked.said) == (0, "revoked shop\n")
        assert "revoked" in shown.said

    async def test_print_the_secret_alone_for_a_script(self, rassom: Rassom) -> None:
        created, generated = await asyncio.gather(
            rassom("keys", "create", "--name", "shop", "--scope", "bot"), rassom("keys", "generate", DATABASE_URL="")
        )

        for ended in (created, generated):
            assert ended.code == 0
            assert re.fullmatch(r"rsk_[A-Za-z0-9_-]{43}\n", ended.said)

    async def test_take_only_known_scopes(self, rassom: Rassom) -> None:
        ended = await rassom("keys", "create", "--name", "shop", "--scope", "root")

        assert (ended.code, ended.said) == (2, "")


class TestCredits:
    async def test_are_given_and_taken_back_but_never_below_zero(self, rassom: Rassom) -> None:
        words = ("credits", "grant", "--telegram-id", "1001", "--reason", "a test", "--amount")
        given = await rassom(*words, "5", "--json")
        taken = await rassom(*words, "-2", "--json")
        refused = await rassom(*words, "-4")
        huge = await rassom(*words, str(2**63))

        assert (given.code, given.json["balance"]) == (0, 5)
        assert (taken.code, taken.json["balance"]) == (0, 3)
        assert (refused.code, refused.said, is_one_sentence(refused.complained)) == (1, "", True)
        assert huge.code in {1, 2}
        assert "Traceback" not in huge.complained
        connection = await asyncpg.connect(rassom.environment["DATABASE_URL"])
        rows = await connection.fetch("SELECT amount, description FROM ledger_entries WHERE account_kind = 'wallet' ORDER BY seq")
        await connection.close()
        assert [tuple(row) for row in rows] == [(5, "a test"), (-2, "a test")]


class TestAudit:
    async def test_of_a_clean_book_ends_with_0(self, rassom: Rassom) -> None:
        text, data = await asyncio.gather(rassom("audit"), rassom("audit", "--json"))

        assert (text.code, data.code) == (0, 0)
        assert len(text.said.splitlines()) == len(data.json["findings"])
        assert all(line.startswith("I") and line.endswith(": ok") for line in text.said.splitlines())
        assert data.json["is_clean"] is True

    async def test_of_a_violated_one_ends_with_1_and_names_it(self, rassom: Rassom) -> None:
        admin = await asyncpg.connect(as_superuser(rassom.environment["DATABASE_URL"]))
        await admin.execute("INSERT INTO ledger_transfers (entry_type) VALUES ('adjustment')")
        await admin.close()

        text = await rassom("audit")

        assert text.code == 1
        assert [line[:2] for line in text.said.splitlines() if "VIOLATION" in line] == ["I1"]

    async def test_says_on_a_terminal_what_it_is_doing(self, rassom: Rassom) -> None:
        ours, theirs = os.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "audit", "--json"),
            env={**os.environ, **rassom.environment},
            cwd=rassom.home,
            stdout=asyncio.subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        progress = os.read(ours, 65_536).decode()
        os.close(ours)

        titles = [f"{finding['invariant']} {finding['title']}" for finding in json.loads(said)["findings"]]
        assert progress.splitlines() == titles


class TestFreezes:
    async def test_are_shown_and_lifted(self, rassom: Rassom) -> None:
        await rassom("credits", "grant", "--telegram-id", "1001", "--reason", "a test", "--amount", "5")
        connection = await asyncpg.connect(rassom.environment["DATABASE_URL"])
        account = await connection.fetchval(
            "INSERT INTO ledger_freezes (account_id, invariant, violation, evidence)"
            " SELECT id, 'I2', 'account at seq 1', 'e' FROM ledger_accounts WHERE kind = 'wallet' RETURNING account_id"
        )

        listed, shown = await asyncio.gather(rassom("ledger", "freezes", "list", "--json"), rassom("ledger", "freezes", "list"))
        refused = await rassom("credits", "grant", "--telegram-id", "1001", "--reason", "a test", "--amount", "5")
        lifted = await rassom("ledger", "freezes", "lift", "--account", str(account), "--reason", "a typo")
        again = await rassom("ledger", "freezes", "lift", "--account", str(account), "--reason", "a typo")

        reason = await connection.fetchval("SELECT lifted_reason FROM ledger_freezes")
        await connection.close()
        assert [(row["account_id"], row["telegram_id"], row["invariant"]) for row in listed.json] == [(account, 1001, "I2")]
        assert re.fullmatch(rf"account {account} of 1001 since .*: I2 account at seq 1\n", shown.said)
        assert (refused.code, is_one_sentence(refused.complained)) == (1, True)
        assert (lifted.code, reason) == (0, "a typo")
        assert (again.code, again.said, is_one_sentence(again.complained)) == (1, "", True)


class TestOpenapi:
    async def test_prints_a_schema_of_every_call_without_any_service(self, rassom: Rassom) -> None:
        ended = await rassom("openapi", DATABASE_URL="")

        schema = ended.json
        assert ended.code == 0
        assert schema["openapi"].startswith("3.")
        assert {
            "/api/v1/users/sync",
            "/api/v1/users/{telegram_id}/balance",
            "/api/v1/models",
            "/api/v1/generations/submit",
        } <= set(schema["paths"])


class TestWithoutADatabase:
    async def test_says_so_in_one_sentence(self, rassom: Rassom) -> None:
        verbs = (("audit",), ("api",), ("migrate",))
        ended = await asyncio.gather(*(rassom(*verb, DATABASE_URL="") for verb in verbs))

        assert [one.code for one in ended] == [1] * len(verbs)
        assert all("DATABASE_URL" in one.complained and "Traceback" not in one.complained for one in ended)

    async def test_that_answers_says_so_in_one_sentence(self, rassom: Rassom) -> None:
        verbs = (("keys", "list"), ("migrate",))
        ended = await asyncio.gather(*(rassom(*verb, DATABASE_URL="postgresql://rassom@127.0.0.1:1/x") for verb in verbs))

        assert [(one.code, one.said) for one in ended] == [(1, "")] * len(verbs)
        assert [one.complained for one in ended if "Traceback" in one.complained] == []

    async def test_of_a_right_kind_names_the_variable(self, rassom: Rassom) -> None:
        ended = await rassom("audit", DATABASE_URL="mysql://db/rassom", PORT="x")

        assert (ended.code, ended.said) == (1, "")
        assert [line.split(":")[0] for line in ended.complained.splitlines()] == ["PORT", "DATABASE_URL"]


class TestMigrate:
    async def test_brings_an_empty_database_to_head(self, rassom: Rassom, empty_database_url: str) -> None:
        before = await rassom("audit", DATABASE_URL=empty_database_url)
        ended = await rassom("migrate", DATABASE_URL=empty_database_url)

        connection = await asyncpg.connect(empty_database_url)
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        await connection.close()
        assert (before.code, "Traceback" in before.complained) == (1, False)
        assert "rassom migrate" in before.complained
        assert (ended.code, ended.said, revision) == (0, "", head_revision())


class TestHelp:
    async def test_of_the_program_names_its_verbs(self, rassom: Rassom) -> None:
        ended = await rassom("--help")

        assert ended.code == 0
        programs = ("api", "worker", "migrate", "up", "demo", "simulator", "telegram-simulator", "openapi")
        for verb in (*programs, "audit", "keys", "credits", "ledger"):
            assert re.search(rf"\b{verb}\b", ended.said), verb

    def test_of_every_verb_explains_it(self) -> None:
        shell = CliRunner()
        for verb in verbs_of(get_command(app)):
            if verb in (["simulator"], ["telegram-simulator"]):
                continue  # these become other programs
            ended = shell.invoke(app, [*verb, "--help"])
            assert (ended.exit_code, "Usage" in ended.output) == (0, True), verb


def verbs_of(command: click.Command) -> list[list[str]]:
    """Every way to say something to this command."""
    if not isinstance(command, click.Group):
        return [[]]
    return [[name, *words] for name, inner in command.commands.items() for words in verbs_of(inner)]


class TestOrphans:
    async def test_are_none_at_first(self, rassom: Rassom) -> None:
        assert (await rassom("orphans", "list")).said == "0 in all, 0 USD\n"

    async def test_are_shown_with_their_generation_and_cost(self, shop: Shop, rassom: Rassom) -> None:
        for cost in (Decimal("0.027"), None):
            generation = await shop.order(await shop.rich_user(1))
            await shop.eyes.execute(
                "INSERT INTO generation_orphans (attempt_id, generation_id, provider, provider_job_id, status, cost_usd)"
                " SELECT id, generation_id, provider, 'task-of-' || id, 'completed', $2"
                " FROM generation_jobs WHERE generation_id = $1",
                generation["id"],
                cost,
            )

        lines = (await rassom("orphans", "list")).said.splitlines()
        unknown, known = (await rassom("orphans", "list", "--json")).json

        assert re.fullmatch(r".+  generation 2  task-of-2  completed  \? USD", lines[0])
        assert re.fullmatch(r".+  generation 1  task-of-1  completed  0\.027 USD", lines[1])
        assert lines[2] == "2 in all, 0.027 USD"
        assert (known["generation_id"], known["task_id"], known["status"], known["cost_usd"]) == (
            1,
            "task-of-1",
            "completed",
            "0.027",
        )
        assert unknown["cost_usd"] is None
