"""Who is asking: the verified identity behind a request, from its credential and nothing else.

A service key with scope bot acts for anybody; a Telegram user IS one telegram_id. An endpoint about a person takes `ActorDep` and
says `actor.require_user(telegram_id)` first; whatever is refused there looks like something that does not exist.

A Telegram user who is banned is refused here, whatever is asked. That a service key does nothing for a banned person is the
services' business: they know what only reads.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from app.core import clock
from app.core.errors import RassomError
from app.core.logging import get_logger
from app.deps.errors import ForbiddenError, UnauthorizedError
from app.deps.init_data import InitDataRefusedError, read_telegram_id
from app.deps.known_keys import KnownKeys
from app.domain.users import service as users
from app.domain.users.errors import UserNotFoundError
from app.resources import Resources

_bearer = HTTPBearer(auto_error=False, scheme_name="Service key", description="`Authorization: Bearer rsk_…`")
_api_key = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="Service key header", description="`X-API-Key: rsk_…`")
_init_data = APIKeyHeader(
    name="Authorization",
    auto_error=False,
    scheme_name="Telegram user",
    description="`Authorization: tma <initData>`, the Mini App's `window.Telegram.WebApp.initData`, at most an hour old.",
)

_log = get_logger(__name__)


@dataclass(frozen=True)
class Caller:
    """A verified caller: a service key (`key:7`, with its scopes), a Telegram user (`user:1001`), or `local` without keys."""

    id: str
    name: str
    scopes: frozenset[str] = frozenset()
    telegram_id: int | None = None

    def require_scope(self, scope: str) -> None:
        """Raise ForbiddenError unless the caller's key has this scope."""
        if scope not in self.scopes:
            raise ForbiddenError(f"This needs a service key with scope {scope}.")

    def require_user(self, telegram_id: int, hidden: RassomError | None = None) -> None:
        """Raise unless the caller may act for this person: `hidden`, or that there is no such user."""
        if self.telegram_id is None:
            self.require_scope("bot")
        elif self.telegram_id != telegram_id:
            raise hidden or UserNotFoundError(telegram_id)


async def recognise(connection: HTTPConnection) -> Caller:
    """The caller, verified once per request: who asks again gets the same answer. Raises UnauthorizedError."""
    state = connection.state
    if not hasattr(state, "recognised"):
        try:
            state.recognised = await _authenticate(connection)
        except RassomError as error:
            state.recognised = error
    outcome: Caller | RassomError = state.recognised
    if isinstance(outcome, RassomError):
        raise outcome
    return outcome


def read_service_key(connection: HTTPConnection) -> str | None:
    """The service key that was sent, unverified; `Authorization` decides when it was sent too."""
    scheme, credentials = _authorization(connection)
    if scheme:
        return credentials if scheme == "bearer" else None
    return connection.headers.get("X-API-Key")


async def get_caller(
    request: Request,
    _: Annotated[object, Depends(_bearer)],
    __: Annotated[object, Depends(_api_key)],
    ___: Annotated[object, Depends(_init_data)],
) -> Caller:
    """The caller. Raises UnauthorizedError. The other parameters only show in OpenAPI what may be sent."""
    return await recognise(request)


async def get_buyer(caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
    """A caller that may act for a person: itself, or anybody with scope bot. Raises UnauthorizedError, ForbiddenError.

    For orders alone, which look for a ban where they find the user; everything else takes `get_actor`.
    """
    if caller.telegram_id is None:
        caller.require_scope("bot")
    return caller


async def get_actor(request: Request, caller: Annotated[Caller, Depends(get_buyer)]) -> Caller:
    """The same, and if it is a Telegram user, one who is not banned. Raises UnauthorizedError, ForbiddenError, BannedError."""
    if caller.telegram_id is not None:
        resources: Resources = request.state.resources
        async with resources.reading() as session:
            await users.refuse_banned(session, caller.telegram_id)
    return caller


async def recognise_buyer(request: Request) -> Caller:
    """What `BuyerDep` gives, for hot routes."""
    return await get_buyer(await recognise(request))


async def recognise_actor(request: Request) -> Caller:
    """What `ActorDep` gives, for hot routes."""
    return await get_actor(request, await recognise_buyer(request))


async def get_bot_caller(caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
    """A caller that may act for any user. Raises UnauthorizedError, ForbiddenError."""
    caller.require_scope("bot")
    return caller


async def get_admin_caller(caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
    """An operator. Raises UnauthorizedError, ForbiddenError."""
    caller.require_scope("admin")
    return caller


BuyerDep = Annotated[Caller, Depends(get_buyer)]
ActorDep = Annotated[Caller, Depends(get_actor)]
BotDep = Annotated[Caller, Depends(get_bot_caller)]
AdminDep = Annotated[Caller, Depends(get_admin_caller)]


async def _authenticate(connection: HTTPConnection) -> Caller:
    resources: Resources = connection.state.resources
    if resources.settings.auth_disabled:
        return Caller("local", "local", frozenset({"bot", "admin"}))
    if len(connection.headers.getlist("Authorization")) > 1:
        raise UnauthorizedError("Send one Authorization header, not several.")
    scheme, credentials = _authorization(connection)
    if scheme == "tma":
        return _telegram_user(resources, credentials)
    secret = read_service_key(connection)
    if not secret:
        raise UnauthorizedError(
            "Send a service key as `Authorization: Bearer rsk_…` or `X-API-Key`, or `Authorization: tma <initData>`."
        )
    known_keys: KnownKeys = connection.state.known_keys
    key = await known_keys.verify(resources, secret)
    if key is None:
        raise UnauthorizedError("This key is unknown or was revoked.")
    return Caller(f"key:{key.id}", key.name, key.scopes)


def _telegram_user(resources: Resources, init_data: str) -> Caller:
    token = resources.settings.bot_token
    if token is None:
        raise UnauthorizedError("This installation takes no Telegram users: its operator has not set BOT_TOKEN.")
    try:
        telegram_id = read_telegram_id(init_data, token.get_secret_value(), now=clock.utc_now())
    except InitDataRefusedError as error:
        _log.info("init_data_refused", reason=str(error))
        raise UnauthorizedError("This init data is not valid, or not valid any more: open the Mini App again.") from error
    return Caller(f"user:{telegram_id}", f"user {telegram_id}", telegram_id=telegram_id)


def _authorization(connection: HTTPConnection) -> tuple[str, str]:
    scheme, _, credentials = connection.headers.get("Authorization", "").partition(" ")
    return scheme.lower(), credentials.strip()
