"""`.env.example` is the manual of the settings: all of them, their defaults, and nothing that is not read."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from app.core.config import Settings
from bot.settings import Settings as BotSettings

ENV_EXAMPLE = Path(__file__).resolve().parents[3] / ".env.example"
SETTING = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
FIELDS = {name.upper(): field for name, field in Settings.model_fields.items()}
# Read by the bot alone, which is a client of the API, and in part by `rassom demo`.
OF_BOT = {name.upper(): field for name, field in BotSettings.model_fields.items() if name not in Settings.model_fields}
WITHOUT_DEFAULT = {name for name, field in FIELDS.items() if field.default is None or field.default_factory is not None}


@pytest.fixture
def text() -> str:
    return ENV_EXAMPLE.read_text()


@pytest.fixture
def shown(text: str) -> list[tuple[str, str, str]]:
    """Comment sign, name and value of every setting in the file."""
    return SETTING.findall(text)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)


class TestEnvExample:
    def test_shows_every_setting_once(self, shown: list[tuple[str, str, str]]) -> None:
        counts = Counter(name for _, name, _ in shown)
        assert counts == Counter([*FIELDS, *OF_BOT])

    def test_comments_out_what_has_no_default(self, shown: list[tuple[str, str, str]]) -> None:
        # The API's address is that of a running `make run`, whatever its default says.
        of_bot = {name for name, field in OF_BOT.items() if field.is_required() or not field.default} | {"API_BASE_URL"}
        assert {name for sign, name, _ in shown if sign} == WITHOUT_DEFAULT | of_bot

    def test_shows_the_defaults(self) -> None:
        assert Settings(_env_file=ENV_EXAMPLE) == Settings(_env_file=None)

    def test_shows_values_that_are_accepted(self, text: str, tmp_path: Path) -> None:
        everything = tmp_path / ".env"
        everything.write_text(SETTING.sub(r"\2=\3", text))
        assert Settings(_env_file=everything).model_fields_set >= {name.lower() for name in WITHOUT_DEFAULT}

    def test_shows_values_that_the_bot_accepts(self, text: str, tmp_path: Path) -> None:
        everything = tmp_path / ".env"
        everything.write_text(SETTING.sub(r"\2=\3", text))
        assert BotSettings(_env_file=everything).model_fields_set >= {name.lower() for name in OF_BOT}

    def test_explains_each_setting(self, text: str) -> None:
        lines = text.splitlines()
        unexplained = [line for before, line in pairwise(lines) if SETTING.match(line) and not before.startswith("# ")]
        assert unexplained == []
