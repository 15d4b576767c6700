"""The verbs of service keys: create, verify, revoke."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain.keys import queries, rules
from app.domain.keys.errors import KeyNameTakenError, KeyNotFoundError
from app.domain.keys.models import ApiKey

BOOTSTRAP_NAME = "bootstrap"

_log = get_logger(__name__)


async def create(session: AsyncSession, *, name: str, scopes: list[str]) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which cannot be read again. Raises KeyNameTakenError."""
    secret = rules.generate_secret()
    key = await _insert(session, name, secret, scopes)
    if key is None:
        raise KeyNameTakenError(name)
    return key, secret


async def ensure_bootstrap(session: AsyncSession, secret: str) -> None:
    """Make the key of BOOTSTRAP_API_KEY exist, with both scopes. A different secret than last time replaces the old one.

    What was revoked or replaced once stays so, and the log says it.
    """
    await queries.lock_bootstrap(session)  # or a second process would take the first one's key for an older one, and revoke it
    existing = await queries.find_active_by_prefix(session, rules.lookup_prefix(secret))
    if existing is not None and rules.is_secret(secret, existing.secret_hash):
        return
    await queries.mark_revoked(session, BOOTSTRAP_NAME)
    made = await _insert(session, BOOTSTRAP_NAME, secret, ["bot", "admin"])
    if made is None and await verify(session, secret) is None:
        _log.error("bootstrap_key_revoked", effect="BOOTSTRAP_API_KEY opens nothing; set what `rassom keys generate` prints")


async def verify(session: AsyncSession, secret: str) -> ApiKey | None:
    """The active key with this secret, or None: unknown, wrong and revoked are the same to a caller."""
    if not rules.is_well_formed(secret):
        return None
    key = await queries.find_active_by_prefix(session, rules.lookup_prefix(secret))
    return key if key is not None and rules.is_secret(secret, key.secret_hash) else None


async def revoke(session: AsyncSession, name_or_prefix: str) -> ApiKey:
    """Revoke the active key of that name or prefix. Raises KeyNotFoundError."""
    key = await queries.mark_revoked(session, name_or_prefix)
    if key is None:
        raise KeyNotFoundError(name_or_prefix)
    return key


async def list_all(session: AsyncSession) -> Sequence[ApiKey]:
    """All keys without their secrets."""
    return await queries.list_keys(session)


async def _insert(session: AsyncSession, name: str, secret: str, scopes: list[str]) -> ApiKey | None:
    return await queries.insert_key(
        session, name=name, prefix=rules.lookup_prefix(secret), secret_hash=rules.hash_secret(secret), scopes=scopes
    )
