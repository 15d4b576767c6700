"""Under which name a request is counted: the caller, and the person it is about.

`key:7:1001` for a service key acting for a person, so that one noisy person never slows a bot's others; `key:7` where no person is
named; `user:1001` for a Telegram user; `address:…` for everybody without a valid credential. What a bot's own machinery asks with
its key is not counted: deliveries and broadcasts come as fast as the shop sells.
"""

import ipaddress
import json
import re
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.core.errors import RassomError
from app.db.rate_limit import RateLimiter
from app.deps.caller import read_service_key, recognise
from app.deps.errors import UnauthorizedError
from app.deps.init_data import TELEGRAM_ID_BITS
from app.deps.known_keys import KnownKeys

_PERSON_IN_PATH = re.compile(r"/users/([0-9]+)(?:/|$)", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,16}", re.ASCII)
_IPV6_SITE_BITS = 64
_MACHINERY = re.compile(r"/api/v1/(?:deliveries|feed-cursors|admin/broadcasts)(?:/|$)", re.ASCII)


async def name_to_count(scope: Scope, limiter: RateLimiter, body: bytes) -> str | None:
    """The name; None when the caller cannot be known now, because the database is away, or asks what is not counted.

    A key that was never good here is not even looked up while its address has used up its share: keys cannot be guessed at full
    speed, and a good key that shares the address with somebody who guesses goes on.
    """
    connection = HTTPConnection(scope)
    address = _address(connection)
    secret = read_service_key(connection)
    known_keys: KnownKeys = connection.state.known_keys
    if secret and not known_keys.has_seen(secret) and await limiter.is_exhausted(address):
        return address
    try:
        caller = await recognise(connection)
    except UnauthorizedError:
        return address
    except RassomError:
        return None
    if caller.telegram_id is not None:
        return caller.id
    if _MACHINERY.match(scope["path"]):
        return None
    person = _person(scope, body)
    return caller.id if person is None else f"{caller.id}:{person}"


def _address(connection: HTTPConnection) -> str:
    host = connection.client.host if connection.client is not None else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return f"address:{host}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return f"address:{address.ipv4_mapped}"
        # Whoever has one address of IPv6 has at least 2^64 of them.
        return f"address:{ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False)}"
    return f"address:{address}"


def _person(scope: Scope, body: bytes) -> int | None:
    """The telegram_id that a request names; only for counting: what it may do is decided on the validated value."""
    in_path = _PERSON_IN_PATH.search(scope["path"])
    if in_path:
        return _telegram_id(in_path[1])
    in_query = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("telegram_id")
    if in_query:
        return _telegram_id(in_query[-1])
    if not body:
        return None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return _telegram_id(content.get("telegram_id")) if isinstance(content, dict) else None


def _telegram_id(value: Any) -> int | None:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    is_one = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**TELEGRAM_ID_BITS
    return value if is_one else None
