"""What schemathesis has to be told that no schema can say."""

from typing import Any

import schemathesis

KNOWN_PEOPLE = range(1001, 1017)
TELEGRAM_ID_MAX = 2**52
MODEL_ID_MAX = 2**63
MODELS = 3
OPTION_CHARS_MAX = 20
REFERENCES_MAX, REFERENCE_CHARS_MAX = 14, 512


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Every other body with an id that may be somebody's is about somebody who is there, and orders what a model can draw.

    Only what is valid is exchanged, for something that is valid too: a body drawn to be refused stays one.
    """
    del context
    somebody = body.get("telegram_id") if isinstance(body, dict) else None
    if type(somebody) is not int or not 0 < somebody < TELEGRAM_ID_MAX or somebody % 2 == 0:
        return body
    body["telegram_id"] = KNOWN_PEOPLE[somebody // 2 % len(KNOWN_PEOPLE)]
    model_id = body.get("model_id")
    if type(model_id) is int and 0 < model_id < MODEL_ID_MAX:
        body["model_id"] = model_id % MODELS + 1
    for name in ("size", "aspect_ratio", "resolution"):
        if isinstance(body.get(name), str) and len(body[name]) <= OPTION_CHARS_MAX:
            body[name] = None
    for name in ("reference_urls", "reference_file_ids"):
        if _are_references(body.get(name)):
            body[name] = []
    return body


def _are_references(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > REFERENCES_MAX:
        return False
    return all(isinstance(item, str) and 0 < len(item) <= REFERENCE_CHARS_MAX for item in value)


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """A form's field of None or [] becomes no part at all: what would be sent then is not what was drawn."""
    del context
    return not isinstance(body, dict) or "file" not in body or all(value not in (None, []) for value in body.values())
