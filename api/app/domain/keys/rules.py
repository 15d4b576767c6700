"""How a service key looks and how it is compared. Pure."""

import hashlib
import hmac
import re
import secrets

PREFIX = "rsk_"
PREFIX_LENGTH = len(PREFIX) + 8
SECRET_BYTES = 32
_WELL_FORMED = re.compile(r"rsk_[A-Za-z0-9_-]{43,252}", re.ASCII)


def generate_secret() -> str:
    """A new key: `rsk_` and 256 bits of randomness in URL-safe base64."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def is_well_formed(secret: str) -> bool:
    """Whether this can be a key at all; what cannot is not looked up."""
    return bool(_WELL_FORMED.fullmatch(secret))


def lookup_prefix(secret: str) -> str:
    """The part of a key that is stored readable and indexed; 48 of its bits, useless without the other 208."""
    return secret[:PREFIX_LENGTH]


def hash_secret(secret: str) -> bytes:
    """What is stored. A plain SHA-256 is enough: the input has 256 random bits, there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def is_secret(secret: str, stored_hash: bytes) -> bool:
    """Whether `secret` hashes to `stored_hash`, in constant time."""
    return hmac.compare_digest(hash_secret(secret), stored_hash)
