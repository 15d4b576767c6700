"""Credentials as callers send them. The init data is signed here by hand, not by the library that is under test."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from urllib.parse import urlencode

BOT_TOKEN = "123456789:" + "t" * 35
OTHER_BOT_TOKEN = "987654321:" + "o" * 35


def sign(fields: Iterable[tuple[str, str]], token: str = BOT_TOKEN) -> str:
    """The hash that Telegram would put beside these fields."""
    lines = "\n".join(sorted(f"{name}={value}" for name, value in fields))
    key = hmac.digest(b"WebAppData", token.encode(), hashlib.sha256)
    return hmac.digest(key, lines.encode(), hashlib.sha256).hex()


def init_data_fields(telegram_id: int, *, age_s: float = 0, **more: str) -> dict[str, str]:
    """What a Mini App that this person has just opened would know, unsigned."""
    user = {"id": telegram_id, "first_name": "Ўктам & Co", "language_code": "uz", "allows_write_to_pm": True}
    return {
        "query_id": "AAHdF6IQAAAAAN0XohDhrOrc",
        "user": json.dumps(user, ensure_ascii=False, separators=(",", ":")),
        "auth_date": str(int(time.time() - age_s)),
        "signature": "zL-ucjNyREiHDE8aihFwpfR9aggP2xiAo3NSpfe-p7IbCisNlDKlo7Kb6G4D0Ao2mBrSgEk4maLSdv6MLIlADQ",
        **more,
    }


def init_data(telegram_id: int, *, token: str = BOT_TOKEN, age_s: float = 0, **more: str) -> str:
    """Signed init data of this person."""
    fields = init_data_fields(telegram_id, age_s=age_s, **more)
    return urlencode({**fields, "hash": sign(fields.items(), token)})


def bearer(secret: str) -> dict[str, str]:
    """A service key as a header."""
    return {"Authorization": f"Bearer {secret}"}


def tma(data: str) -> dict[str, str]:
    """Init data as a header."""
    return {"Authorization": f"tma {data}"}
