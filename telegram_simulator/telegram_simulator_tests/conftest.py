"""A running Telegram for every test, a bot that calls it, and people who write to it."""

import base64
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from PIL import Image

from telegram_simulator.server import RunningTelegram, running_telegram
from telegram_simulator.settings import TelegramSettings

TOKEN = "424242:sim-test-token"
QUICK = {"token": TOKEN, "callback_ttl_s": 0.5, "pre_checkout_ttl_s": 0.5, "webhook_retry_s": 0.02, "webhook_timeout_s": 2}


def a_picture(width: int = 64, height: int = 48, *, form: str = "PNG") -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (width, height), (200, 40, 40)).save(encoded, form)
    return encoded.getvalue()


@dataclass
class Bot:
    """The bot's side: `call` wants an answer, `refused` the description of a refusal."""

    http: httpx2.AsyncClient
    offset: int = 0

    async def call(self, method: str, files: Any = None, **params: Any) -> Any:
        answer = await self.ask(method, files, **params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["ok"] is True
        return body["result"]

    async def ask(self, method: str, files: Any = None, **params: Any) -> httpx2.Response:
        sent = {"data": params, "files": files} if files else {"json": params}
        return await self.http.post(f"/bot{TOKEN}/{method}", **sent)

    async def refused(self, method: str, files: Any = None, *, code: int = 400, **params: Any) -> str:
        answer = await self.ask(method, files, **params)
        body = answer.json()
        assert (answer.status_code, body["ok"], body["error_code"]) == (code, False, code), answer.text
        return str(body["description"])

    async def updates(self, wait_s: float = 2, **params: Any) -> list[dict[str, Any]]:
        """Take what waits and confirm it with the next call."""
        found: list[dict[str, Any]] = await self.call("getUpdates", offset=self.offset, timeout=wait_s, **params)
        if found:
            self.offset = found[-1]["update_id"] + 1
        return found

    async def next(self, kind: str) -> dict[str, Any]:
        """Take updates one by one until one of this kind comes."""
        while True:
            found = await self.updates(limit=1)
            assert found, f"no {kind} came"
            if kind in found[0]:
                payload: dict[str, Any] = found[0][kind]
                return payload


@dataclass
class Person:
    """Somebody with a phone; `id` is the person's and the chat's."""

    control: httpx2.AsyncClient
    id: int

    async def do(self, what: str, **body: Any) -> dict[str, Any]:
        answer = await self.control.post(f"/users/{self.id}/{what}", json=body)
        assert answer.is_success, answer.text
        done: dict[str, Any] = answer.json()
        return done

    async def sends(self, *pictures: bytes, **more: Any) -> list[dict[str, Any]]:
        encoded = [base64.b64encode(picture).decode() for picture in pictures]
        sent: list[dict[str, Any]] = (await self.do("photo", pictures=encoded, **more))["messages"]
        return sent

    async def sees(self) -> list[dict[str, Any]]:
        """The messages of the chat with the bot."""
        messages: list[dict[str, Any]] = (await self.control.get(f"/chats/{self.id}")).json()["messages"]
        return messages


@pytest.fixture(scope="session")
async def shared_telegram() -> AsyncIterator[RunningTelegram]:
    async with running_telegram(TelegramSettings(**QUICK)) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture(scope="session")
async def shared_http(shared_telegram: RunningTelegram) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=shared_telegram.url, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
async def shared_control(shared_telegram: RunningTelegram) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{shared_telegram.url}/sim", timeout=10) as client:
        yield client


@pytest.fixture
async def control(shared_control: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The control API of a Telegram in which nothing happened yet."""
    await shared_control.post("/reset")
    return shared_control


@pytest.fixture
def bot(shared_http: httpx2.AsyncClient, control: httpx2.AsyncClient) -> Bot:  # noqa: ARG001
    return Bot(shared_http)


@pytest.fixture
async def person(control: httpx2.AsyncClient, bot: Bot) -> Person:
    """Somebody who has pressed Start; the bot has seen it and said so."""
    made = (await control.post("/users", json={"first_name": "Aziza", "username": "aziza", "language_code": "uz"})).json()
    somebody = Person(control, made["id"])
    await somebody.do("text", text="/start")
    await bot.updates()
    await bot.updates(wait_s=0)
    return somebody


@pytest.fixture(scope="session")
def picture() -> bytes:
    return a_picture()
