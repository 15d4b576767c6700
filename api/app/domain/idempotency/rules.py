"""What makes two requests the same. Pure."""

import hashlib
import json
from typing import Any


def fingerprint(operation: str, body: Any) -> bytes:
    """What a request asks for, as 32 bytes: the operation and its validated body, whatever the order of its fields."""
    canonical = json.dumps([operation, body], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()
