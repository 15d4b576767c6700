"""The three languages say the same, completely, and nothing is said that is not in the texts."""

import ast
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax.ast import Message, VariableReference
from fluent.syntax.visitor import Visitor
from typing_extensions import override

import bot
from bot.translation import LANGUAGES, TEXTS, nearest_language, translator
from bot.wording import ALERT_MAX, shown_length

CODE = Path(bot.__file__).parent
ALLOWED_TAGS = {"b", "i", "code", "blockquote"}
# Shown where Telegram cuts at 200 characters, or takes no more: alerts, and refusals of a payment.
IN_ALERTS = ("error-", "checkout-", "menu-old", "too-fast", "order-accepted", "picture-not-kept", "not-free-any-more")
SENTENCE = re.compile(r"[^\W\d_]{2,} [^\W\d_]|[^\x00-\x7f]")
# Not said to anybody: names for humans who read the code's errors.
NOT_SAID = {"a fitted draft has a model that is on sale"}


class _Variables(Visitor):
    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_VariableReference(self, node: VariableReference) -> None:  # noqa: N802 - the library's way
        self.found.add(node.id.name)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    @override
    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@cache
def messages(language: str) -> dict[str, set[str]]:
    """Each message of a language, with the values that it takes."""
    found: dict[str, set[str]] = {}
    for path in sorted((TEXTS / language).glob("*.ftl")):
        for entry in FluentParser().parse(path.read_text()).body:
            assert isinstance(entry, Message), f"{path.name}: {entry}"
            variables = _Variables()
            variables.visit(entry)
            assert entry.id.name not in found, f"{path.name}: {entry.id.name} is there twice"
            found[entry.id.name] = variables.found
    return found


def said(language: str, name: str, number: int = 5) -> str:
    """A message with something in each place."""
    return translator(language)(name, **dict.fromkeys(messages(language)[name], number))


def names_in_code() -> tuple[set[str], set[str]]:
    """Names of messages that the code has, and the beginnings of those that it puts together."""
    whole, begun = set(), set()
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
    return whole, begun


def sentences(source: str) -> list[str]:
    """Strings of a module that look like something said to a person; docstrings are not."""
    tree = ast.parse(source)
    documented = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    docstrings = {ast.get_docstring(node, clean=False) for node in documented}
    strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return [each for each in strings if len(each) > 1 and SENTENCE.search(each) and each not in docstrings | NOT_SAID]


@pytest.mark.parametrize("language", LANGUAGES)
class TestLanguage:
    def test_says_everything_with_the_same_values(self, language: str) -> None:
        assert messages(language) == messages("en")

    @pytest.mark.parametrize("number", [0, 1, 2, 5, 21])
    def test_can_be_said_with_any_number(self, language: str, number: int) -> None:
        assert [name for name in messages(language) if not said(language, name, number).strip()] == []

    def test_is_marked_up_as_telegram_reads_it(self, language: str) -> None:
        for name in messages(language):
            tags = _Tags()
            tags.feed(said(language, name))
            assert tags.open == [], name
            assert tags.seen <= ALLOWED_TAGS, name

    def test_fits_into_alerts(self, language: str) -> None:
        long = {name: shown_length(said(language, name)) for name in messages(language) if name.startswith(IN_ALERTS)}
        assert {name: length for name, length in long.items() if length > ALERT_MAX} == {}
        assert len(long) > 20

    def test_has_short_descriptions_of_commands(self, language: str) -> None:
        # Telegram takes 1 to 256 characters.
        assert all(3 <= len(said(language, name)) <= 60 for name in messages(language) if name.startswith("command-"))


class TestTexts:
    def test_are_all_used(self) -> None:
        whole, begun = names_in_code()
        unused = {
            name for name in messages("en") if name not in whole and not name.startswith(tuple(b for b in begun if len(b) > 3))
        }
        assert unused == set()

    def test_are_uzbek_in_latin_letters(self) -> None:
        assert not re.search(r"[Ѐ-ӿ]", "".join(path.read_text() for path in (TEXTS / "uz").glob("*.ftl")))

    def test_write_uzbek_letters_in_one_way(self) -> None:
        # Those with a sign have U+02BB, the sign of separation is U+02BC; not the quotes of a keyboard.
        assert re.findall(r"\w['`\u2018\u2019]\w*", "".join(path.read_text() for path in (TEXTS / "uz").glob("*.ftl"))) == []

    @pytest.mark.parametrize(
        ("number", "words"),
        [(1, "1 кредит"), (2, "2 кредита"), (5, "5 кредитов"), (11, "11 кредитов"), (21, "21 кредит"), (22, "22 кредита")],
    )
    def test_have_russian_plurals(self, number: int, words: str) -> None:
        assert translator("ru")("price-credits", credits=number) == words

    def test_escape_what_people_write(self) -> None:
        assert translator("uz")("profile-name", name="<script> & Co") == "👤 <b>&lt;script&gt; &amp; Co</b>"

    def test_leave_plain_what_goes_into_buttons(self) -> None:
        assert translator("en").plain("menu-model", model="A & B") == "Model: A & B"


class TestHandlers:
    def test_say_nothing_of_their_own(self) -> None:
        found = {str(path.relative_to(CODE)): sentences(path.read_text()) for path in CODE.rglob("*.py")}
        talking = {name: each for name, each in found.items() if each and not name.startswith(NOT_TALKING)}
        assert talking == {}

    def test_would_be_caught_saying_something(self) -> None:
        assert sentences('def f():\n    """Says hello to you."""\n    return "hello to you"') == ["hello to you"]
        assert sentences('x = "Салом"') == ["Салом"]


# What these say is for operators' logs and terminals, in English.
NOT_TALKING = ("settings.py", "translation.py", "telegram.py", "api/client.py", "program.py", "wording.py")


class TestNearestLanguage:
    @pytest.mark.parametrize(
        ("telegram", "ours"),
        [("uz", "uz"), ("ru", "ru"), ("ru-RU", "ru"), ("kk", "ru"), ("en-GB", "en"), ("de", "en"), (None, "en")],
    )
    def test_is_the_one_a_person_can_read(self, telegram: str | None, ours: str) -> None:
        assert nearest_language(telegram) == ours
