"""Checking a request body against a model's schema, refusing in the wording recorded from the live service."""

import json
import re
from typing import Any

_SIZE_PATTERN = re.compile(r"(\d{1,5})\*(\d{1,5})")
_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "boolean": (bool, "a boolean"),
    "array": (list, "an array"),
}


class SchemaError(Exception):
    """The body breaks the schema; the text is the message of the 400 answer (protocol 5.1)."""


def check(schema: dict[str, Any], body: dict[str, Any], *, rejects_unknown: bool) -> dict[str, Any]:
    """Return the body with unknown keys gone and defaults filled in.

    Raises SchemaError in the recorded wording: for an enum it is what the live service said, the other sentences
    follow its style (protocol 5.1). Unknown keys are dropped or refused; sources disagree (protocol 10.9).
    """
    properties: dict[str, dict[str, Any]] = schema["properties"]
    if rejects_unknown:
        for name in body:
            if name not in properties:
                raise SchemaError(f'field "{name}" is not allowed; please remove it')
    for name in schema["required"]:
        if name not in body:
            raise SchemaError(f'field "{name}" is required; please provide it')
    checked: dict[str, Any] = {}
    for name, rule in properties.items():
        if name in body:
            _check_field(name, rule, body[name])
            checked[name] = body[name]
        elif "default" in rule:
            checked[name] = rule["default"]
    return checked


def _check_field(name: str, rule: dict[str, Any], value: object) -> None:
    expected, spoken = _TYPES[rule["type"]]
    if not isinstance(value, expected):
        raise SchemaError(f'field "{name}" must be {spoken}, got {_got(value)}; please use {spoken}')
    if "enum" in rule and value not in rule["enum"]:
        allowed = json.dumps(rule["enum"], ensure_ascii=False)
        raise SchemaError(f'field "{name}" must be one of {allowed}, got {_got(value)}; please use one of the allowed values')
    if isinstance(value, list):
        _check_items(name, rule, value)
    elif isinstance(value, str):
        _check_text(name, rule, value)


def _check_items(name: str, rule: dict[str, Any], items: list[object]) -> None:
    if len(items) < rule["minItems"]:
        raise SchemaError(f'field "{name}" must have at least {rule["minItems"]} items, got {len(items)}; please add some')
    if len(items) > rule["maxItems"]:
        raise SchemaError(f'field "{name}" must have at most {rule["maxItems"]} items, got {len(items)}; please remove some')
    for item in items:
        if not isinstance(item, str):
            raise SchemaError(f'field "{name}" must hold strings, got {_got(item)}; please use strings')


def _check_text(name: str, rule: dict[str, Any], text: str) -> None:
    if len(text) < rule.get("minLength", 0):
        raise SchemaError(f'field "{name}" must have at least {rule["minLength"]} characters, got {_got(text)}; please write some')
    if "minimum" not in rule:
        return
    least, most = rule["minimum"], rule["maximum"]
    sides = _SIZE_PATTERN.fullmatch(text)
    if sides is None or not all(least <= int(side) <= most for side in sides.groups()):
        raise SchemaError(
            f'field "{name}" must be "W*H" with each side from {least} to {most}, got {_got(text)}; please use a size in that range'
        )


def _got(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean {json.dumps(value)}"
        case str():
            return f"string {json.dumps(value, ensure_ascii=False)}"
        case int() | float():
            return f"number {json.dumps(value)}"
        case list():
            return "array"
        case _:
            return "object"
