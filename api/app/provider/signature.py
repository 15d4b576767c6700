"""Whether a webhook is the provider's: HMAC over its raw bytes, and young enough. Pure.

Facts (protocol 4.3, from docs/verify-webhooks): three headers webhook-id, webhook-timestamp (Unix seconds) and webhook-signature
(`v3,` and lowercase hex); the key is the secret without its `whsec_` prefix, as it is (no base64); HMAC-SHA256 over
`{webhook-id}.{webhook-timestamp}.{raw body}`; refused when the timestamp is more than 300 s away.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
WINDOW_S = 300

_SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every secret, not one
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


def key_of(secret: str) -> bytes:
    """The key that a secret, as the provider shows it, stands for."""
    return secret.removeprefix(_SECRET_PREFIX).encode()


def sign(secret: str, event_id: str, timestamp: str, body: bytes) -> str:
    """The `webhook-signature` of this event."""
    # Headers reach us decoded as Latin-1, so this encodes them back to the bytes that were signed.
    signed = f"{event_id}.{timestamp}.".encode("latin-1", "replace") + body
    return f"v3,{hmac.new(key_of(secret), signed, hashlib.sha256).hexdigest()}"


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float) -> bool:
    """Whether the holder of `secret` signed exactly these bytes within the last (or next) five minutes."""
    event_id, timestamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    if not event_id or not _TIMESTAMP.fullmatch(timestamp) or abs(now_s - int(timestamp)) > WINDOW_S:
        return False
    given = headers.get(SIGNATURE_HEADER, "").encode("latin-1", "replace")
    return hmac.compare_digest(sign(secret, event_id, timestamp, body).encode(), given)
