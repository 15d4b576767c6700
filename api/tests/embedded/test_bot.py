"""`rassom up` with a bot's token starts the bot too, and `rassom bot` finds the API of a running one."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx2
import pytest

from telegram_simulator.server import RunningTelegram, running_telegram
from telegram_simulator.settings import TelegramSettings
from tests.factories import NO_TLS
from tests.programs import Up, cleared
from tests.telegram_shop import TOKEN

STOPPED_WITHIN_S = 5.0
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what belongs to a home is known by its environment")


async def draw_a_picture(telegram: RunningTelegram) -> None:
    """Somebody gets a picture from whatever bot is there."""
    async with httpx2.AsyncClient(base_url=f"{telegram.url}/sim", timeout=30, verify=NO_TLS) as control:
        somebody = (await control.post("/users", json={"first_name": "Aziza", "language_code": "en"})).json()["id"]
        (await control.post(f"/users/{somebody}/text", json={"text": "a red door"})).raise_for_status()
        async with asyncio.timeout(30):
            while not (menus := [each for each in await seen(control, somebody) if each["reply_markup"]]):
                await asyncio.sleep(0.05)
            tap = {"message_id": menus[0]["message_id"], "data": "menu|go|"}
            (await control.post(f"/users/{somebody}/tap", json=tap)).raise_for_status()
            while not [each for each in await seen(control, somebody) if each["document"]]:
                await asyncio.sleep(0.05)


async def seen(control: httpx2.AsyncClient, chat_id: int) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = (await control.get(f"/chats/{chat_id}")).json()["messages"]
    return [each for each in messages if each["from"] == "bot"]


class TestUp:
    async def test_with_a_token_serves_a_shop_in_telegram_and_stops_it(self, tmp_path: Path) -> None:
        async with running_telegram(TelegramSettings(token=TOKEN)) as telegram:
            up = Up.start(tmp_path, BOT_TOKEN=TOKEN, TELEGRAM_API_BASE_URL=telegram.url)
            with cleared(tmp_path):
                await asyncio.to_thread(up.wait_until_ready)
                await draw_a_picture(telegram)
                alone = await asyncio.to_thread(up.rassom, "bot")
                took_s = await asyncio.to_thread(up.end, signal.SIGINT)
        assert up.process.returncode == 0, up.said
        assert took_s < STOPPED_WITHIN_S
        # A bot of a second shell lacks its token alone: API, key and Redis are those of the running one.
        assert (alone.returncode, alone.stderr) == (1, "BOT_TOKEN: not set\n")
