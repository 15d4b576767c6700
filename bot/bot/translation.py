"""What the bot says, in three languages: Fluent texts by name.

A message is HTML for Telegram, and every value put into it is escaped; what goes where no markup is understood (buttons, alerts,
titles) is asked for with `plain`.
"""

import re
from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from fluent.runtime import FluentBundle, FluentResource

LANGUAGES: Final = ("uz", "ru", "en")
TEXTS: Final = Path(__file__).parent / "texts"
# Where Russian is the language people have in common, and who is at home in Uzbek texts.
_NEAREST: Final = {"ru": "ru", "be": "ru", "uk": "ru", "kk": "ru", "ky": "ru", "tg": "ru", "tt": "ru", "uz": "uz", "kaa": "uz"}

_PLACE: Final = re.compile("\ue000[a-z_]+\ue001")

Value = str | int | float


class UnknownTextError(Exception):
    """The texts have no message of this name, or it wants a value that was not given."""


def nearest_language(telegram_code: str | None) -> str:
    """The language for what a Telegram client says of its own (`uz`, `ru-RU`, …)."""
    return _NEAREST.get((telegram_code or "").split("-")[0].lower(), "en")


class Translator:
    """The texts of one language."""

    def __init__(self, language: str, bundle: FluentBundle) -> None:
        self.language = language
        self._bundle = bundle

    def __call__(self, name: str, /, **values: Value) -> str:
        """The text as Telegram's HTML, its values escaped."""
        return self._say(name, values, lambda text: escape(text, quote=False))

    def plain(self, name: str, /, **values: Value) -> str:
        """The text where no markup is understood."""
        return self._say(name, values, lambda text: text)

    def has(self, name: str) -> bool:
        """Whether there is such a text: names of error codes are put together."""
        return self._bundle.has_message(name)

    def _say(self, name: str, values: dict[str, Value], written: Callable[[str], str]) -> str:
        pattern = self._bundle.get_message(name).value if self.has(name) else None
        if pattern is None:
            raise UnknownTextError(f"{self.language}: {name}")
        # Fluent takes no value of more than a thousand characters, and prompts are longer: words are put in after it.
        words = {f"\ue000{key}\ue001": written(value) for key, value in values.items() if isinstance(value, str)}
        arguments = {key: f"\ue000{key}\ue001" if isinstance(value, str) else value for key, value in values.items()}
        text, errors = self._bundle.format_pattern(pattern, arguments)
        if errors:
            raise UnknownTextError(f"{self.language}: {name}: {errors[0]}")
        return _PLACE.sub(lambda place: words[place.group()], str(text))


@cache
def translator(language: str) -> Translator:
    """The texts of this language, read from `texts/` once."""
    # Without isolation marks: Telegram shows them as they are, and these three languages run in one direction.
    bundle = FluentBundle([language], use_isolating=False)
    for path in sorted((TEXTS / language).glob("*.ftl")):
        bundle.add_resource(FluentResource(path.read_text(encoding="utf-8")))
    return Translator(language, bundle)
