"""The verbs of users: sync, require, ensure."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.users import queries
from app.domain.users.errors import UserNotFoundError
from app.domain.users.models import User
from app.domain.users.schemas import UserSync


async def sync(session: AsyncSession, body: UserSync) -> User:
    """Create or update the user from what Telegram says now. Safe to send any number of times at once."""
    fields = body.model_dump(exclude_unset=True, exclude={"telegram_id"})
    return await queries.upsert_user(session, body.telegram_id, fields)


async def require_id(session: AsyncSession, telegram_id: int) -> int:
    """The user's id. Raises UserNotFoundError."""
    user_id = await queries.find_user_id(session, telegram_id)
    if user_id is None:
        raise UserNotFoundError(telegram_id)
    return user_id


async def ensure_id(session: AsyncSession, telegram_id: int) -> int:
    """The user's id; a person unknown so far is created, as sync would."""
    user_id = await queries.find_user_id(session, telegram_id)
    if user_id is None:
        user_id = await queries.insert_user(session, telegram_id)
    # The insert lost a race: the winner has committed by now (ON CONFLICT waits for it), so it can be read.
    return user_id if user_id is not None else await require_id(session, telegram_id)
