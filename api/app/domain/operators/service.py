"""The verbs of operators: ban, unban, look at a person, at a day. A deed and its row in `operator_actions` commit together."""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.core.logging import get_logger
from app.domain.generations import service as generations
from app.domain.ledger import service as ledger
from app.domain.operators import queries
from app.domain.operators.rules import Action
from app.domain.operators.schemas import AdminUser, Totals
from app.domain.trial import service as trials
from app.domain.users import service as users
from app.domain.users.models import User

_log = get_logger(__name__)


async def ban(session: AsyncSession, telegram_id: int, *, reason: str, actor: str) -> AdminUser:
    """Refuse everything for and by this person; what runs already ends as always. Banning twice is banning once.

    Waits for an order of theirs that is just being taken, and none begins after the commit. Raises UserNotFoundError.
    """
    user = await users.get(session, telegram_id)
    await generations.hold_up(session, user.id)
    if await users.ban(session, user.id, reason):
        await queries.insert_action(session, Action.BAN, user_id=user.id, actor=actor, reason=reason)
        _log.info("user_banned", user_id=user.id, actor=actor)
    return await look_at(session, telegram_id)


async def unban(session: AsyncSession, telegram_id: int, *, actor: str) -> AdminUser:
    """Serve this person again; of somebody who is not banned nothing is changed. Raises UserNotFoundError."""
    user = await users.get(session, telegram_id)
    if await users.unban(session, user.id):
        await queries.insert_action(session, Action.UNBAN, user_id=user.id, actor=actor, reason=None)
        _log.info("user_unbanned", user_id=user.id, actor=actor)
    return await look_at(session, telegram_id)


async def look_at(session: AsyncSession, telegram_id: int) -> AdminUser:
    """All that an operator needs to know of a person. Raises UserNotFoundError."""
    return await _describe(session, await users.get(session, telegram_id))


async def look_up(session: AsyncSession, username: str) -> AdminUser:
    """The same by Telegram's username, in any case, with or without its @. Raises UsernameNotFoundError."""
    return await _describe(session, await users.get_named(session, username))


async def totals(session: AsyncSession, day: date | None) -> Totals:
    """What happened on that day in UTC; without one, today."""
    day = day or clock.utc_now().date()
    begins = datetime.combine(day, time(tzinfo=UTC))
    ends = begins + timedelta(days=1) if day < date.max else datetime.max.replace(tzinfo=UTC)
    figures = await queries.get_totals(session, begins=begins, ends=ends)
    return Totals.model_validate({"day": day, **figures})


async def _describe(session: AsyncSession, user: User) -> AdminUser:
    money = await ledger.balance(session, user.telegram_id)
    activity = await queries.get_activity(session, user.id)
    return AdminUser(
        id=user.id,
        telegram_id=user.telegram_id,
        username=user.username,
        first_name=user.first_name,
        last_name=user.last_name,
        language_code=user.language_code,
        created_at=user.created_at,
        banned_at=user.banned_at,
        ban_reason=user.ban_reason,
        balance=money.balance,
        held=money.held,
        trial_used=await trials.has_used(session, user.id),
        generations_total=activity.total,
        last_generation_at=activity.last_at,
    )
