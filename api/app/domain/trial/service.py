"""The verbs of trials: redeem, confirm, restore."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.trial import queries
from app.domain.trial.rules import TrialState
from app.domain.trial.schemas import TrialRead
from app.domain.users import service as users


async def status(session: AsyncSession, telegram_id: int, *, limit: int) -> TrialRead:
    """A user's free generations. Raises UserNotFoundError."""
    user_id = await users.require_id(session, telegram_id)
    used = await queries.count_taken(session, user_id)
    return TrialRead(user_id=user_id, telegram_id=telegram_id, trial_available=used < limit, used_count=used, limit=limit)


async def has_used(session: AsyncSession, user_id: int) -> bool:
    """Whether the user has used a free generation, or is using one."""
    return await queries.count_taken(session, user_id) > 0


async def redeem(session: AsyncSession, user_id: int, *, limit: int) -> int | None:
    """Hold one free generation; returns its id, or None when there is none left."""
    if limit == 0:
        return None
    return await queries.insert_use(session, user_id, slot_limit=limit)


async def confirm(session: AsyncSession, use_id: int) -> None:
    """The generation completed: the trial is used up."""
    await _settle(session, use_id, TrialState.USED)


async def restore(session: AsyncSession, use_id: int) -> None:
    """The generation did not complete: the trial is free again."""
    await _settle(session, use_id, TrialState.RESTORED)


async def _settle(session: AsyncSession, use_id: int, state: TrialState) -> None:
    if not await queries.mark_settled(session, use_id, state):
        msg = f"trial use {use_id} has ended before; its generation must not be settled twice"
        raise RuntimeError(msg)
