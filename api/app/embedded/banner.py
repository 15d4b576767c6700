"""What `rassom up` says when everything runs: where, with which key, and a first order to paste."""

import json
import secrets

from app.core.config import Settings
from app.embedded.home import Running


def text(settings: Settings, running: Running, *, key: str, seconds: float) -> str:
    """The banner. Its order is from a new customer at each start, who has a free picture."""
    telegram_id = 100_000 + secrets.randbelow(900_000)
    order = {"telegram_id": telegram_id, "model_id": 1, "prompt": "a watercolour of Samarkand at dawn", "size": "1024*1024"}
    api = f"{running.api_url}/api/v1"
    provider = running.wavespeed_api_base_url
    if settings.wavespeed_api_key is None:
        provider = f"simulator at {provider} (the real one: WAVESPEED_API_KEY=… make run)"
    bot = "in Telegram, with BOT_TOKEN" if settings.bot_token else "none (with one: BOT_TOKEN=… make run)"
    return f"""
  {settings.app_name} {settings.app_version} is running, {seconds:.1f} s after its start. Ctrl-C stops it.

    address   {running.api_url}
    docs      {running.api_url}/docs
    key       {key}
    provider  {provider}
    bot       {bot}
    data      {settings.rassom_home}
    logs      {settings.rassom_home / "log"}

  Order a picture (paste it into another shell):

    curl -sS {api}/generations/submit -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{json.dumps(order)}'

  See it (ID is the "id" in the answer):

    curl -sS '{api}/generations/ID/results?telegram_id={telegram_id}' -H 'Authorization: Bearer {key}'
"""
