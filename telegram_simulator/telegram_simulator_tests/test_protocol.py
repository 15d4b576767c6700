"""Tokens, methods, kinds of bodies and updates."""

import asyncio

import httpx2
import pytest

from telegram_simulator_tests.conftest import TOKEN, Bot, Person


class TestCalls:
    async def test_know_their_bot(self, bot: Bot) -> None:
        me = await bot.call("getMe")
        assert (me["id"], me["is_bot"], me["username"]) == (424242, True, "rassom_bot")

    @pytest.mark.parametrize(
        ("path", "code", "description"),
        [
            ("/bot424242:another-token/getMe", 401, "Unauthorized"),
            ("/botnone/getMe", 404, "Not Found"),
            (f"/bot{TOKEN}/getMee", 404, "Not Found: method not found"),
            ("/getMe", 404, "Not Found"),
        ],
    )
    async def test_are_refused_when_misaddressed(self, bot: Bot, path: str, code: int, description: str) -> None:
        answer = await bot.http.get(path)
        assert answer.status_code == code
        assert answer.json() == {"ok": False, "error_code": code, "description": description}

    async def test_may_be_written_in_any_case(self, bot: Bot) -> None:
        assert (await bot.http.get(f"/bot{TOKEN}/GETME")).json()["ok"] is True

    async def test_take_every_kind_of_body(self, bot: Bot, person: Person) -> None:
        url, sent = f"/bot{TOKEN}/sendMessage", {"chat_id": str(person.id), "text": "ў"}
        answers = [
            await bot.http.get(url, params=sent),
            await bot.http.post(url, json=sent),
            await bot.http.post(url, data=sent),
            await bot.http.post(url, files={name: (None, value) for name, value in sent.items()}),
        ]
        assert [answer.json()["result"]["text"] for answer in answers] == ["ў"] * 4

    @pytest.mark.parametrize("body", ["{", "[]", '{"text": "\\ud83d"}', "[" * 10_000])
    async def test_refuse_broken_json(self, bot: Bot, body: str) -> None:
        answer = await bot.http.post(f"/bot{TOKEN}/getMe", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400

    async def test_that_break_off_leave_nothing_behind(self, bot: Bot, person: Person) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", bot.http.base_url.port)
        head = f"POST /bot{TOKEN}/sendMessage HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        writer.write(head.encode() + b'{"chat_id"')
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()
        del reader
        assert await bot.call("getMe")
        assert len(await person.sees()) == 1

    async def test_are_logged_with_their_answers(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        await bot.call("sendMessage", chat_id=person.id, text="x")
        await bot.refused("sendMessage", chat_id=1, text="x")
        logged = (await control.get("/log", params={"method": "sendMessage"})).json()["requests"]
        assert [(entry["ok"], entry["error_code"]) for entry in logged] == [(True, None), (False, 400)]
        assert logged[0]["params"] == {"chat_id": person.id, "text": "x"}


class TestUpdates:
    async def test_come_until_they_are_confirmed(self, bot: Bot, person: Person) -> None:
        await person.do("text", text="one")
        await person.do("text", text="two")
        both = await bot.call("getUpdates", offset=bot.offset)
        assert [update["message"]["text"] for update in both] == ["one", "two"]
        again = await bot.call("getUpdates", offset=both[1]["update_id"])
        assert again == both[1:]
        assert await bot.call("getUpdates", offset=both[1]["update_id"] + 1) == []

    async def test_are_waited_for(self, bot: Bot, person: Person) -> None:
        waiting = asyncio.gather(bot.call("getUpdates", offset=bot.offset, timeout=5), return_exceptions=False)
        await asyncio.sleep(0.05)
        await person.do("text", text="hello")
        ((update,),) = await waiting
        assert update["message"]["from"] == {
            "id": person.id,
            "is_bot": False,
            "first_name": "Aziza",
            "username": "aziza",
            "language_code": "uz",
        }

    async def test_go_to_the_newest_reader(self, bot: Bot, person: Person) -> None:
        first = asyncio.gather(bot.refused("getUpdates", code=409, offset=bot.offset, timeout=5))
        await asyncio.sleep(0.05)
        second = asyncio.gather(bot.call("getUpdates", offset=bot.offset, timeout=5))
        assert "terminated by other getUpdates request" in (await first)[0]
        await person.do("text", text="hello")
        assert len((await second)[0]) == 1

    async def test_can_be_cut_to_the_last(self, bot: Bot, person: Person) -> None:
        for word in ("one", "two", "three"):
            await person.do("text", text=word)
        (last,) = await bot.call("getUpdates", offset=-1)
        assert last["message"]["text"] == "three"

    async def test_are_of_the_kinds_asked_for(self, bot: Bot, person: Person) -> None:
        await bot.updates(wait_s=0, allowed_updates=["callback_query"])
        await person.do("text", text="unheard")
        assert await bot.updates(wait_s=0) == []
        await bot.updates(wait_s=0, allowed_updates=[])
        await person.do("text", text="heard")
        assert len(await bot.updates()) == 1

    async def test_come_from_groups_too(self, bot: Bot, person: Person) -> None:
        await person.do("text", text="/start@rassom_bot", chat={"id": -100, "type": "group"})
        message = await bot.next("message")
        assert message["chat"] == {"id": -100, "type": "group", "title": "Group"}
        assert (await bot.call("sendMessage", chat_id=-100, text="hi"))["chat"]["id"] == -100
