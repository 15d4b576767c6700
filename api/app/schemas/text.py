"""Text that PostgreSQL can store."""

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema


def _refuse_unstorable(value: str) -> str:
    if "\x00" in value:
        msg = "must not contain the NUL character"
        raise ValueError(msg)
    if any("\ud800" <= character <= "\udfff" for character in value):
        msg = "must not contain half a character (a lone surrogate)"
        raise ValueError(msg)
    return value


class _Storable:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(_refuse_unstorable, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": r"^[^\u0000]*$"}


NO_NUL = _Storable()
"""Refuses U+0000 and lone surrogates, which no PostgreSQL text can hold, and says the first of it in the schema.

Stands after constraints that strip: pydantic takes them in their order.
"""

CleanText = Annotated[str, NO_NUL]
"""A string without U+0000 and lone surrogates."""
