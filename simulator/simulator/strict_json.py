"""Reading JSON so that everything read can be written again."""

import json
from typing import NoReturn


def parse(raw: bytes) -> object:
    """Return the value; raises ValueError for what is no JSON: NaN, lone surrogates and bottomless nesting too."""
    try:
        value = json.loads(raw, parse_constant=_refuse)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")
