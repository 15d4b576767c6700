"""Users: sync, balance, trial, statement, preferences."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.api.hot import as_json, hot_for, read_telegram_id
from app.api.paging import Cursor, Limit
from app.api.problems import problems
from app.deps.caller import ActorDep, BotDep, recognise_actor
from app.deps.resources import ResourcesDep
from app.deps.session import ReadSessionDep, SessionDep
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import BalanceRead, EntryRead
from app.domain.trial import service as trials
from app.domain.trial.schemas import TrialRead
from app.domain.users import service as users
from app.domain.users.errors import BannedError, UserNotFoundError
from app.domain.users.models import User
from app.domain.users.schemas import Preferences, UserRead, UserSync
from app.schemas.page import Page

router = APIRouter(prefix="/api/v1/users", tags=["users"])

TelegramIdPath = Annotated[int, Path(gt=0, lt=2**52, description="Telegram's id of the person", examples=[1001])]
_NO_USER = problems(UserNotFoundError, BannedError)


@router.post("/sync", summary="Create a user or take over what Telegram says now", response_model=UserRead, responses=_NO_USER)
async def sync(body: UserSync, session: SessionDep, actor: ActorDep) -> User:
    """Safe to send any number of times at once. A field left out keeps its value, null clears it."""
    actor.require_user(body.telegram_id)
    return await users.sync(session, body)


@router.get("/{telegram_id}/balance", summary="What a user can spend and what is held", responses=_NO_USER)
async def balance(telegram_id: TelegramIdPath, session: ReadSessionDep, actor: ActorDep) -> BalanceRead:
    """`balance` can be spent now; `held` is reserved by a running generation."""
    actor.require_user(telegram_id)
    return await ledger.balance(session, telegram_id)


@hot_for(balance)
async def _balance(request: Request) -> Response | None:
    telegram_id = read_telegram_id(request.path_params["telegram_id"])
    if telegram_id is None:
        return None
    actor = await recognise_actor(request)
    async with request.state.resources.reading() as session:
        return as_json(await balance(telegram_id, session, actor))


@router.get("/{telegram_id}/trial", summary="A user's free generations", responses=_NO_USER)
async def trial(telegram_id: TelegramIdPath, session: ReadSessionDep, resources: ResourcesDep, actor: ActorDep) -> TrialRead:
    """A running free generation counts as used; a failed one gives its trial back."""
    actor.require_user(telegram_id)
    return await trials.status(session, telegram_id, limit=resources.settings.trial_generations)


@router.get("/{telegram_id}/ledger", summary="A user's statement, the newest entry first", responses=_NO_USER)
async def statement(
    telegram_id: TelegramIdPath, session: ReadSessionDep, actor: ActorDep, cursor: Cursor = None, limit: Limit = 20
) -> Page[EntryRead]:
    """Every movement of the wallet, with the balance after it."""
    actor.require_user(telegram_id)
    return await ledger.statement(session, telegram_id, cursor=cursor, limit=limit)


@router.get("/{telegram_id}/preferences", summary="What a user chose", responses=problems(UserNotFoundError))
async def preferences(telegram_id: TelegramIdPath, session: ReadSessionDep, _: BotDep) -> Preferences:
    """The bot's language, and how pictures are ordered when nothing else is said; nulls where nothing was chosen."""
    return await users.preferences(session, telegram_id)


@router.put("/{telegram_id}/preferences", summary="Keep what a user chose", responses=_NO_USER)
async def prefer(telegram_id: TelegramIdPath, body: Preferences, session: SessionDep, _: BotDep) -> Preferences:
    """Takes the place of all that was chosen before. It is not checked against the catalogue, which may change at any time."""
    return await users.prefer(session, telegram_id, body)
