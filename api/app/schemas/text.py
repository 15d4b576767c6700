"""Text that PostgreSQL can store."""

from typing import Annotated

from pydantic import AfterValidator


def _refuse_unstorable(value: str) -> str:
    if "\x00" in value:
        msg = "must not contain the NUL character"
        raise ValueError(msg)
    if any("\ud800" <= character <= "\udfff" for character in value):
        msg = "must not contain half a character (a lone surrogate)"
        raise ValueError(msg)
    return value


NO_NUL = AfterValidator(_refuse_unstorable)
"""Refuses U+0000 and lone surrogates, which no PostgreSQL text can hold.

Stands after constraints that strip: pydantic takes them in their order.
"""

CleanText = Annotated[str, NO_NUL]
"""A string without U+0000 and lone surrogates."""
