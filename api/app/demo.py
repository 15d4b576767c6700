"""`rassom demo`: one whole generation as a client would do it, over HTTP and nothing else.

Syncs a user, makes sure there is something to pay with, submits, follows, saves the picture and says what it cost.
"""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Any

import aiohttp

from app.core import clock

PROMPT = "a watercolour of Samarkand at dawn"
SIZE = "1024*1024"
MODEL_KEY = "seedream-v4"
FOLLOW_TIMEOUT_S = 300.0
POLL_S = 0.5
PICTURE_MAX_BYTES = 64 * 1024 * 1024
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


class DemoError(Exception):
    """The demo cannot go on; the message is for the person who runs it."""


def new_telegram_id() -> int:
    """Somebody whose free generation is not used up: far above the ids that Telegram gives out today."""
    return 10**14 + secrets.randbelow(10**14)


async def run(base_url: str, api_key: str, *, telegram_id: int) -> int:
    """Do it and print it; returns the exit code."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=60)) as http:
            await _generate(_Api(http, base_url.rstrip("/")), telegram_id)
    except (DemoError, aiohttp.ClientError, TimeoutError) as error:
        sys.stderr.write(f"demo failed: {str(error) or type(error).__name__}\n")
        return 1
    return 0


class _Api:
    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self._http = http
        self._base_url = f"{base_url}/api/v1"

    async def get(self, path: str, **query: object) -> Any:
        return await self._call("GET", path, params={name: str(value) for name, value in query.items()})

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        return await self._call("POST", path, json=body)

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        async with self._http.request(method, self._base_url + path, **options) as response:
            answer = await response.json(content_type=None)
            if not response.ok:
                msg = f"{method} {path} answered {response.status} {answer.get('code')}: {answer.get('detail')}"
                raise DemoError(msg)
            return answer


async def _generate(api: _Api, telegram_id: int) -> None:
    await api.post("/users/sync", {"telegram_id": telegram_id, "first_name": "Demo"})
    before = await _purse(api, telegram_id)
    model = next(item["model"] for item in await api.get("/models") if item["model"]["key"] == MODEL_KEY)
    order = {"telegram_id": telegram_id, "model_id": model["id"], "prompt": PROMPT, "size": SIZE}
    request = (await api.post("/generations/submit", order))["request"]
    _say(f"submitted   generation {request['id']} ({MODEL_KEY}, {SIZE}): {PROMPT}")
    request = await _follow(api, request["id"], telegram_id)
    if request["status"] != "completed":
        msg = f"generation {request['id']} is {request['status']}: {request['error_message']} No credit was charged."
        raise DemoError(msg)
    urls = await api.get(f"/generations/{request['id']}/results", telegram_id=telegram_id)
    path = await _save(urls[0], Path(f"rassom-demo-{request['id']}"))
    _say(f"picture     {path}")
    _say(f"cost        {'free (trial)' if request['trial_used'] else str(request['cost']) + ' credit'}")
    _say(f"before      {before}")
    _say(f"after       {await _purse(api, telegram_id)}")


async def _purse(api: _Api, telegram_id: int) -> str:
    balance = await api.get(f"/users/{telegram_id}/balance")
    trial = await api.get(f"/users/{telegram_id}/trial")
    return f"{balance['balance']} credits, {balance['held']} held, {trial['limit'] - trial['used_count']} free generations"


async def _follow(api: _Api, generation_id: int, telegram_id: int) -> Any:
    started_s, shown = clock.monotonic_s(), ""
    while clock.monotonic_s() - started_s < FOLLOW_TIMEOUT_S:
        request = await api.get(f"/generations/{generation_id}", telegram_id=telegram_id)
        if request["status"] != shown:
            shown = request["status"]
            _say(f"{shown:11} after {clock.monotonic_s() - started_s:.1f} s")
        if shown in {"completed", "failed", "cancelled"}:
            return request
        await asyncio.sleep(POLL_S)
    msg = f"generation {generation_id} is still {shown} after {FOLLOW_TIMEOUT_S:.0f} s; it goes on without this demo"
    raise DemoError(msg)


async def _save(url: str, stem: Path) -> Path:
    # A session of its own: the picture's host is not the API and must not see the key.
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http, http.get(url) as response:
        response.raise_for_status()
        picture = bytearray()
        async for chunk in response.content.iter_chunked(65536):
            picture += chunk
            if len(picture) > PICTURE_MAX_BYTES:
                msg = f"the picture at {url} is larger than {PICTURE_MAX_BYTES} bytes"
                raise DemoError(msg)
        path = stem.with_suffix(_SUFFIXES.get(response.content_type, ".bin")).resolve()
    await asyncio.to_thread(path.write_bytes, bytes(picture))
    return path


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
