"""The control API's own ways: people, chats, the page."""

import asyncio
import re
from typing import Any

import httpx2
import pytest

from telegram_simulator_tests.conftest import Bot, Person


class TestPeople:
    async def test_keep_the_id_they_are_given(self, control: httpx2.AsyncClient) -> None:
        made = await control.post("/users", json={"id": 77, "first_name": "Bob", "language_code": "en"})
        assert (made.status_code, made.json()) == (201, {"id": 77, "is_bot": False, "first_name": "Bob", "language_code": "en"})

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/users", {}, 400),
            ("/users", {"first_name": "x", "id": -1}, 400),
            ("/users/1/text", {"text": "x"}, 404),
            ("/users/{id}/text", {"text": ""}, 400),
            ("/users/{id}/text", {"text": "x", "chat": {"id": 5}}, 400),
            ("/users/{id}/photo", {"pictures": []}, 400),
            ("/users/{id}/photo", {"pictures": ["no base64"]}, 400),
            ("/users/{id}/tap", {"message_id": 10**6, "data": "x"}, 404),
            ("/users/{id}/pay", {"link": "https://t.me/$x"}, 404),
        ],
    )
    async def test_cannot_do_what_no_phone_does(
        self, person: Person, control: httpx2.AsyncClient, path: str, body: dict[str, Any], status: int
    ) -> None:
        answer = await control.post(path.format(id=person.id), json=body)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])

    async def test_write_nothing_while_they_block_the_bot(self, person: Person, control: httpx2.AsyncClient) -> None:
        await person.do("block")
        assert (await control.post(f"/users/{person.id}/text", json={"text": "x"})).status_code == 409

    async def test_are_not_found_by_a_bot_they_never_wrote_to(self, bot: Bot, control: httpx2.AsyncClient) -> None:
        shy = (await control.post("/users", json={"first_name": "Shy"})).json()["id"]
        assert await bot.refused("sendMessage", chat_id=shy, text="x") == "Bad Request: chat not found"


class TestChat:
    async def test_can_be_waited_on(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        seen = (await control.get(f"/chats/{person.id}")).json()
        waiting = asyncio.gather(control.get(f"/chats/{person.id}", params={"newer_than": seen["version"], "wait_s": 5}))
        await bot.call("sendMessage", chat_id=person.id, text="news")
        ((answer,),) = (await waiting,)
        assert answer.json()["messages"][-1]["text"] == "news"

    async def test_is_bounded(self, bot: Bot, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("telegram_simulator.chats.MESSAGES_IN_CHAT_MAX", 3)
        for number in range(5):
            await bot.call("sendMessage", chat_id=person.id, text=str(number))
        assert [message["text"] for message in await person.sees()] == ["2", "3", "4"]

    async def test_is_shown_as_a_phone_shows_it(
        self, bot: Bot, person: Person, picture: bytes, control: httpx2.AsyncClient
    ) -> None:
        keys = {"inline_keyboard": [[{"text": "Go <on>", "callback_data": "go"}]]}
        quote = "<b>bold 😀</b> &lt;b&gt;\n<blockquote expandable>a\nlong #quote</blockquote>\nend"
        gone = await bot.call("sendMessage", chat_id=person.id, text="gone")
        await bot.call("deleteMessage", chat_id=person.id, message_id=gone["message_id"])
        await bot.call("sendMessage", chat_id=person.id, text=quote, parse_mode="HTML", reply_markup=keys)
        await person.sends(picture, picture, caption="two")
        page = (await control.get(f"/chats/{person.id}/page", params={"lang": "ru"})).text
        folding = '<label class="quote folding"><input type="checkbox"><span>a<br>long <span class="link">#quote</span></span>'
        assert f"<b>bold 😀</b> &lt;b&gt;{folding}<em></em></label>end" in page
        assert "<span>Go &lt;on&gt;</span>" in page
        assert page.count("<img") == 2
        assert 'class="photos many"' in page
        assert ("gone" in page, "Сообщение" in page) == (False, True)
        assert re.findall(r'(?:src|href)="(?!data:)', page) == []
        assert "Xabar" in (await control.get(f"/chats/{person.id}/page")).text

    async def test_shows_money_and_files(self, bot: Bot, person: Person, picture: bytes, control: httpx2.AsyncClient) -> None:
        price = [{"label": "x", "amount": 75}]
        await bot.call(
            "sendInvoice", chat_id=person.id, title="50 credits", description="Fifty", payload="o", currency="XTR", prices=price
        )
        await bot.call("sendDocument", {"document": ("a.png", picture, "image/png")}, chat_id=str(person.id))
        page = (await control.get(f"/chats/{person.id}/page", params={"lang": "en"})).text
        assert '<div class="invoice"><b>50 credits</b>' in page
        assert "<b>a.png</b>" in page
        last = (await control.get(f"/chats/{person.id}/page", params={"last": 1})).text
        assert ("a.png" in last, "50 credits" in last) == (True, False)
        assert (await control.get(f"/chats/{person.id}/page", params={"last": "all"})).status_code == 400


class TestProfile:
    async def test_is_kept_by_language(self, bot: Bot, control: httpx2.AsyncClient) -> None:
        commands = [{"command": "start", "description": "Boshlash"}]
        await bot.call("setMyCommands", commands=commands, language_code="uz")
        assert await bot.call("getMyCommands", language_code="uz") == commands
        assert await bot.call("getMyCommands") == []
        await bot.call("setMyDescription", description="Shop")
        assert await bot.call("getMyDescription", language_code="ru") == {"description": "Shop"}
        assert (await control.get("/profile")).json()["description:"] == "Shop"

    @pytest.mark.parametrize(
        ("command", "description"),
        [
            ({"command": "Start!", "description": "x"}, "BOT_COMMAND_INVALID"),
            ({"command": "start", "description": ""}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ],
    )
    async def test_refuses_bad_commands(self, bot: Bot, command: dict[str, str], description: str) -> None:
        assert await bot.refused("setMyCommands", commands=[command]) == f"Bad Request: {description}"

    async def test_refuses_actions_nobody_shows(self, bot: Bot, person: Person) -> None:
        assert await bot.call("sendChatAction", chat_id=person.id, action="typing") is True
        description = await bot.refused("sendChatAction", chat_id=person.id, action="dancing")
        assert description == "Bad Request: wrong parameter action in request"
