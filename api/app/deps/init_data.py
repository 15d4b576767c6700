"""What a Telegram Mini App sends to say who opened it: a query string signed with the bot's token. Pure.

Telegram's rule: HMAC-SHA256 over the decoded fields, sorted and joined by line feeds, with a key made of the bot's token; so only
data signed for our own bot passes. What is stricter here, and why, stands at each check.
"""

import re
from datetime import datetime, timedelta

from init_data_py import validate_by_hash
from init_data_py.errors import InvalidInitDataError

MAX_AGE = timedelta(hours=1)
LENGTH_MAX = 4096
TELEGRAM_ID_BITS = 52

# Line feeds join the fields that are signed, so a line feed or a sign in a name could let one field pass for two.
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The library also takes the hexadecimal digits in capitals, which Telegram never writes.
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class InitDataRefusedError(ValueError):
    """The init data proves nothing. The message is for the log: a caller is only told that it was refused."""


def read_telegram_id(init_data: str, bot_token: str, *, now: datetime) -> int:
    """Whose init data this is. Raises InitDataRefusedError.

    A moment in the future is refused without tolerance: Telegram cuts `auth_date` to whole seconds before it travels here, so
    between clocks that are kept by NTP it is never ahead.
    """
    if len(init_data) > LENGTH_MAX or not init_data.isascii():
        raise InitDataRefusedError("too long or not percent-encoded")
    try:
        data = validate_by_hash(init_data, bot_token, expires_in=MAX_AGE, now=now)
    except InvalidInitDataError as error:
        raise InitDataRefusedError(type(error).__name__) from error
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        # The library reads the JSON and the dates before it checks the signature: nesting and years that overflow end here.
        raise InitDataRefusedError(type(error).__name__) from error
    for name, value in data.pairs:
        if not _FIELD_NAME.fullmatch(name) or _CONTROL.search(value):
            raise InitDataRefusedError("a field that Telegram does not send")
    if not _HASH.fullmatch(data.get("hash") or ""):
        raise InitDataRefusedError("the hash is not in small letters")
    if data.issued_at > now:
        raise InitDataRefusedError("from the future")
    if data.user is None or not 0 < data.user.id < 2**TELEGRAM_ID_BITS or data.user.is_bot:
        raise InitDataRefusedError("no user")
    return data.user.id
