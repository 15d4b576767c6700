"""SQL of users."""

from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
from app.domain.users.models import User

_FIND_USER_ID = wire.Statement(select(User.id).where(User.telegram_id == bindparam("telegram_id")))
_IS_BANNED = select(User.banned_at.is_not(None)).where(User.telegram_id == bindparam("telegram_id"))


async def find_user_id(session: AsyncSession, telegram_id: int) -> int | None:
    """The id of the user with this Telegram id, or None."""
    found: int | None = await wire.fetch_value(session, _FIND_USER_ID, {"telegram_id": telegram_id})
    return found


async def insert_user(session: AsyncSession, telegram_id: int) -> int | None:
    """Create a user of whom only the Telegram id is known; None when somebody else did so first."""
    statement = insert(User).values(telegram_id=telegram_id).on_conflict_do_nothing(index_elements=[User.telegram_id])
    return await session.scalar(statement.returning(User.id))


async def upsert_user(session: AsyncSession, telegram_id: int, fields: dict[str, Any]) -> User | None:
    """Create the user or take over `fields`; a hundred of these at once are one row (unique telegram_id). None: banned."""
    statement = insert(User).values(telegram_id=telegram_id, **fields)
    statement = statement.on_conflict_do_update(
        index_elements=[User.telegram_id],
        set_={**{name: statement.excluded[name] for name in fields}, "updated_at": func.now()},
        where=User.banned_at.is_(None),
    )
    return (await session.scalars(statement.returning(User), execution_options={"populate_existing": True})).one_or_none()


async def is_banned(session: AsyncSession, telegram_id: int) -> bool | None:
    """Whether this person is banned; None when nobody knows them."""
    return (await session.execute(_IS_BANNED, {"telegram_id": telegram_id})).scalar_one_or_none()


async def find_user(session: AsyncSession, telegram_id: int) -> User | None:
    """The user with this Telegram id, as the database has it now."""
    return await session.scalar(select(User).where(User.telegram_id == telegram_id), execution_options={"populate_existing": True})


async def find_named(session: AsyncSession, username: str) -> User | None:
    """Who last came with this username, in whatever case: Telegram gives a name that was given up to somebody else."""
    named = select(User).where(func.lower(User.username) == func.lower(username))
    return await session.scalar(named.order_by(User.updated_at.desc(), User.id.desc()).limit(1))


async def mark_banned(session: AsyncSession, user_id: int, reason: str) -> bool:
    """Ban the user; False when banned before, and then the first reason stays."""
    statement = update(User).where(User.id == user_id, User.banned_at.is_(None)).values(banned_at=func.now(), ban_reason=reason)
    return await session.scalar(statement.returning(User.id)) is not None


async def mark_unbanned(session: AsyncSession, user_id: int) -> bool:
    """Take a ban back; False when there was none."""
    statement = update(User).where(User.id == user_id, User.banned_at.is_not(None)).values(banned_at=None, ban_reason=None)
    return await session.scalar(statement.returning(User.id)) is not None


async def find_preferences(session: AsyncSession, telegram_id: int) -> dict[str, Any] | None:
    """What the user chose; None when nobody knows them."""
    return await session.scalar(select(User.preferences).where(User.telegram_id == telegram_id))


async def mark_preferences(session: AsyncSession, telegram_id: int, chosen: dict[str, Any]) -> bool:
    """Keep what the user chose; False when banned or unknown."""
    statement = update(User).where(User.telegram_id == telegram_id, User.banned_at.is_(None)).values(preferences=chosen)
    return await session.scalar(statement.returning(User.id)) is not None
