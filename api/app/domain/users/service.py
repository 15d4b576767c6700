"""The verbs of users: sync, require, ensure, find, ban, unban, prefer."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.users import queries
from app.domain.users.errors import BannedError, UsernameNotFoundError, UserNotFoundError
from app.domain.users.models import User
from app.domain.users.schemas import Preferences, UserSync


async def sync(session: AsyncSession, body: UserSync) -> User:
    """Create or update the user from what Telegram says now. Safe to send any number of times at once. Raises BannedError."""
    fields = body.model_dump(exclude_unset=True, exclude={"telegram_id"})
    user = await queries.upsert_user(session, body.telegram_id, fields)
    if user is None:
        raise BannedError
    return user


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


async def refuse_banned(session: AsyncSession, telegram_id: int) -> None:
    """Raise BannedError if this person is banned; somebody unknown is not."""
    if await is_banned(session, telegram_id):
        raise BannedError


async def is_banned(session: AsyncSession, telegram_id: int) -> bool:
    """Whether this person is banned; somebody unknown is not."""
    return bool(await queries.is_banned(session, telegram_id))


async def get(session: AsyncSession, telegram_id: int) -> User:
    """The user. Raises UserNotFoundError."""
    user = await queries.find_user(session, telegram_id)
    if user is None:
        raise UserNotFoundError(telegram_id)
    return user


async def get_named(session: AsyncSession, username: str) -> User:
    """Who came last under this username, with or without its @. Raises UsernameNotFoundError."""
    user = await queries.find_named(session, username.removeprefix("@"))
    if user is None:
        raise UsernameNotFoundError(username)
    return user


async def ban(session: AsyncSession, user_id: int, reason: str) -> bool:
    """Refuse this person from the commit on; False when they were banned before, which changes nothing."""
    return await queries.mark_banned(session, user_id, reason)


async def unban(session: AsyncSession, user_id: int) -> bool:
    """Serve this person again; False when they were not banned."""
    return await queries.mark_unbanned(session, user_id)


async def preferences(session: AsyncSession, telegram_id: int) -> Preferences:
    """What the user chose. Raises UserNotFoundError."""
    chosen = await queries.find_preferences(session, telegram_id)
    if chosen is None:
        raise UserNotFoundError(telegram_id)
    return Preferences.model_validate(chosen)


async def prefer(session: AsyncSession, telegram_id: int, chosen: Preferences) -> Preferences:
    """Keep what the user chose, in place of what was chosen before. Raises UserNotFoundError, BannedError."""
    if not await queries.mark_preferences(session, telegram_id, chosen.model_dump(exclude_none=True)):
        await refuse_banned(session, telegram_id)
        raise UserNotFoundError(telegram_id)
    return chosen
