"""SQL of users."""

from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.users.models import User

# Of every request about a person, so it is put together once.
_FIND_USER_ID = select(User.id).where(User.telegram_id == bindparam("telegram_id"))


async def find_user_id(session: AsyncSession, telegram_id: int) -> int | None:
    """The id of the user with this Telegram id, or None."""
    return (await session.execute(_FIND_USER_ID, {"telegram_id": telegram_id})).scalar_one_or_none()


async def insert_user(session: AsyncSession, telegram_id: int) -> int | None:
    """Create a user of whom only the Telegram id is known; None when somebody else did so first."""
    statement = insert(User).values(telegram_id=telegram_id).on_conflict_do_nothing(index_elements=[User.telegram_id])
    return await session.scalar(statement.returning(User.id))


async def upsert_user(session: AsyncSession, telegram_id: int, fields: dict[str, Any]) -> User:
    """Create the user or take over `fields`; a hundred of these at once are one row (unique telegram_id)."""
    statement = insert(User).values(telegram_id=telegram_id, **fields)
    statement = statement.on_conflict_do_update(
        index_elements=[User.telegram_id],
        set_={**{name: statement.excluded[name] for name in fields}, "updated_at": func.now()},
    )
    return (await session.scalars(statement.returning(User), execution_options={"populate_existing": True})).one()
