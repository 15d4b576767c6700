"""How a path names a generation: by its number or by its public id. Anything else is another address, so /submit is never an id."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from starlette.convertors import Convertor, register_url_convertor
from typing_extensions import override

_NUMBER = "[0-9]{1,19}"
_NUMBER_LENGTH_MAX = 19
_UUID_LENGTH = 36
_UUID = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"


class _RefConvertor(Convertor[str]):
    regex = f"{_UUID}|{_NUMBER}"

    @override
    def convert(self, value: str) -> str:
        return value

    @override
    def to_string(self, value: str) -> str:
        return value


def read_ref(sent: str) -> int | UUID | None:
    """The generation that a path names in the usual way; None for spellings that are left to FastAPI."""
    if len(sent) < _NUMBER_LENGTH_MAX and not sent.startswith("0"):
        return int(sent)
    return UUID(sent) if len(sent) == _UUID_LENGTH else None


register_url_convertor("ref", _RefConvertor())

GenerationRef = Annotated[
    Annotated[int, Path(gt=0, lt=2**63)] | UUID, Path(description="The numeric id or the public id of a generation", examples=[42])
]
