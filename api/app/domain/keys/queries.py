"""SQL of service keys."""

from collections.abc import Sequence

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.keys.models import ApiKey


async def lock_bootstrap(session: AsyncSession) -> None:
    """Wait for every other process that makes the bootstrap key; the lock ends with the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('bootstrap key', 0))"))


async def find_active_by_prefix(session: AsyncSession, prefix: str) -> ApiKey | None:
    """The active key with this lookup prefix, or None."""
    return await session.scalar(select(ApiKey).where(ApiKey.prefix == prefix, ApiKey.revoked_at.is_(None)))


async def insert_key(session: AsyncSession, *, name: str, prefix: str, secret_hash: bytes, scopes: list[str]) -> ApiKey | None:
    """Store a key; None when an active one has that name or any has that prefix."""
    statement = insert(ApiKey).values(name=name, prefix=prefix, secret_hash=secret_hash, scopes=scopes)
    return await session.scalar(statement.on_conflict_do_nothing().returning(ApiKey))


async def list_keys(session: AsyncSession) -> Sequence[ApiKey]:
    """All keys, revoked ones too, oldest first; operators make them by hand, so they are few."""
    return (await session.scalars(select(ApiKey).order_by(ApiKey.id).limit(1000))).all()


async def mark_revoked(session: AsyncSession, name_or_prefix: str) -> ApiKey | None:
    """Revoke the active key of that name or prefix; None when there is none."""
    statement = (
        update(ApiKey)
        .where(ApiKey.revoked_at.is_(None), (ApiKey.name == name_or_prefix) | (ApiKey.prefix == name_or_prefix))
        .values(revoked_at=func.now())
    )
    return await session.scalar(statement.returning(ApiKey))
