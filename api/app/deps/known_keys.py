"""Service keys that were verified a moment ago, so that a busy bot does not cost a query per request.

A key counts as verified for one second from the start of the query that verified it; a revoked one is therefore refused by every
process within a second, and nothing has to tell the processes.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from app.core import clock
from app.domain.keys import service as keys
from app.resources import Resources

FRESH_S = 1.0
KEYS_MAX = 1000


@dataclass(frozen=True)
class KnownKey:
    """A verified key: its number, its name, what it may do."""

    id: int
    name: str
    scopes: frozenset[str]


class KnownKeys:
    """The keys that this process has verified. Secrets are held as digests, and only those of keys that exist."""

    def __init__(self) -> None:
        self._keys: OrderedDict[bytes, tuple[KnownKey, float]] = OrderedDict()

    def has_seen(self, secret: str) -> bool:
        """Whether this was a good key when it was last verified here, however long ago."""
        return _digest(secret) in self._keys

    async def verify(self, resources: Resources, secret: str) -> KnownKey | None:
        """The active key with this secret, or None."""
        digest, started_s = _digest(secret), clock.monotonic_s()
        known, verified_at_s = self._keys.get(digest, (None, 0.0))
        if known is not None and started_s - verified_at_s < FRESH_S:
            return known
        async with resources.reading() as session:
            key = await keys.verify(session, secret)
        if key is None:
            self._keys.pop(digest, None)
            return None
        known = KnownKey(key.id, key.name, frozenset(key.scopes))
        self._keys[digest] = (known, started_s)
        self._keys.move_to_end(digest)
        if len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
        return known


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
