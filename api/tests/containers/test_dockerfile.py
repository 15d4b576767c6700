"""The image holds what its programs need, and nothing that it should not."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.config import Settings
from tests import running
from tests.containers.image import DOCKERFILE, ROOT, Image, instructions, is_in_context, of_last_stage

PROJECT = (ROOT / "api/pyproject.toml").read_text()


def said(image: Image, *command: str) -> str:
    done = subprocess.run(command, cwd=image.app, env=image.environment(), capture_output=True, text=True, check=True)
    return done.stdout


def secrets_of(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.name in {".env", ".rassom", ".git"} or path.suffix in {".log", ".pem", ".key"}:
            yield str(path)


class TestContext:
    def test_holds_every_source_that_is_copied(self) -> None:
        copies = [each for each in instructions() if each.word == "COPY" and "--from=" not in each.rest]
        sources = {source.rstrip("/") for copy in copies for source in copy.copied[0]}
        assert sources >= {"requirements.lock", "api/app", "api/alembic", "api/entrypoint.sh", "simulator/simulator"}
        assert [source for source in sources if not (ROOT / source).exists() or not is_in_context(source)] == []

    @pytest.mark.parametrize("path", [".env", ".rassom/api-key", ".git/config", ".venv/pyvenv.cfg", "api/tests/conftest.py"])
    def test_leaves_out_what_is_private(self, path: str) -> None:
        assert not is_in_context(path)


class TestDockerfile:
    def test_runs_as_nobody_in_particular(self) -> None:
        (user,) = of_last_stage("USER")
        assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user.rest)

    def test_pins_its_base_to_one_line_of_python(self) -> None:
        (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
        assert re.fullmatch(r"python:3\.\d+-slim-\w+", base)

    def test_installs_only_what_the_lock_names(self) -> None:
        installs = [
            part for each in instructions() if each.word == "RUN" for part in each.rest.split("&&") if "pip install" in part
        ]
        assert [part for part in installs if "--require-hashes" not in part and "--no-deps" not in part] == []

    def test_takes_out_the_embedded_servers_that_the_project_names(self) -> None:
        (removal,) = re.findall(r"pip uninstall --yes (.+)", DOCKERFILE.read_text())
        assert [name for name in removal.split() if f'"{name}==' not in PROJECT] == []


class TestTree:
    def test_holds_what_the_specification_names(self, image: Image) -> None:
        assert {path.name for path in image.app.iterdir()} >= {"app", "alembic", "alembic.ini", "entrypoint.sh"}

    def test_holds_no_tests_and_no_secrets(self, image: Image) -> None:
        assert not (image.app / "tests").exists()
        assert list(secrets_of(image.app)) == []

    def test_starts_the_command_line_from_itself(self, image: Image) -> None:
        assert "worker" in said(image, "rassom", "--help")
        assert said(image, "python", "-c", "import app, simulator; print(app.__file__, simulator.__file__)").split() == [
            str(image.app / "app/__init__.py"),
            str(image.app / "simulator/__init__.py"),
        ]

    def test_starts_the_simulator(self, image: Image) -> None:
        assert "--asset-url" in said(image, "rassom", "simulator", "--help")

    def test_starts_the_telegram_simulator(self, image: Image) -> None:
        assert "--token" in said(image, "rassom", "telegram-simulator", "--help")

    def test_finds_its_migrations(self, image: Image) -> None:
        versions = sorted(path.name[:4] for path in (ROOT / "api/alembic/versions").glob("[0-9]*.py"))
        assert said(image, "alembic", "-c", str(image.app / "alembic.ini"), "heads").split()[0] == versions[-1]


class TestHealthcheck:
    async def test_passes_while_the_api_answers(self, settings: Settings, image: Image) -> None:
        async with running.api(settings) as base_url:
            assert await probe(image, port=base_url.rpartition(":")[2]) == 0

    async def test_fails_when_nothing_answers(self, image: Image) -> None:
        with running.a_listener() as nobody:
            assert await probe(image, port=str(nobody.getsockname()[1])) != 0


async def probe(image: Image, *, port: str) -> int:
    (check,) = of_last_stage("HEALTHCHECK")
    # A proxy for the world outside must not be asked for the API beside us.
    environment = image.environment(PORT=port, http_proxy="http://127.0.0.1:9")
    process = await asyncio.create_subprocess_exec(
        *check.command, env=environment, cwd=image.app, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()
