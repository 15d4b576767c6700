"""Faults on request: what is answered, and whether the call was carried out."""

import time

import httpx2
import pytest

from telegram_simulator_tests.conftest import Bot, Person


async def switch_on(control: httpx2.AsyncClient, **fault: object) -> None:
    answer = await control.post("/faults", json=fault)
    assert answer.status_code == 201, answer.text


class TestFaults:
    async def test_429_says_when_to_come_again(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        await switch_on(control, method="sendMessage", kind="429", times=1, retry_after=7)
        answer = await bot.ask("sendMessage", chat_id=person.id, text="x")
        assert answer.status_code == 429
        assert answer.json() == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 7",
            "parameters": {"retry_after": 7},
        }
        assert len(await person.sees()) == 1
        await bot.call("sendMessage", chat_id=person.id, text="x")

    @pytest.mark.parametrize(("kind", "code"), [("500", 500), ("403", 403)])
    async def test_refusals_carry_nothing_out(
        self, bot: Bot, person: Person, control: httpx2.AsyncClient, kind: str, code: int
    ) -> None:
        await switch_on(control, method="*", kind=kind)
        await bot.refused("sendMessage", code=code, chat_id=person.id, text="x")
        assert len(await person.sees()) == 1

    async def test_502_is_the_web_servers_page(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        await switch_on(control, method="sendmessage", kind="502", chat_id=person.id)
        await bot.call("getMe")
        answer = await bot.ask("sendMessage", chat_id=person.id, text="x")
        assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")

    @pytest.mark.parametrize(("kind", "is_sent"), [("timeout", False), ("cut_after", True)])
    async def test_connections_are_cut(
        self, bot: Bot, person: Person, control: httpx2.AsyncClient, kind: str, is_sent: bool
    ) -> None:
        await switch_on(control, method="sendMessage", kind=kind, seconds=0.1)
        started = time.monotonic()
        with pytest.raises(httpx2.TransportError):
            await bot.ask("sendMessage", chat_id=person.id, text="x")
        assert (time.monotonic() - started >= 0.1) is (kind == "timeout")
        assert len(await person.sees()) == 1 + is_sent
        (logged,) = (await control.get("/log", params={"method": "sendMessage"})).json()["requests"]
        assert logged["ok"] is None

    async def test_500_can_come_after_the_deed(self, bot: Bot, person: Person, control: httpx2.AsyncClient) -> None:
        await switch_on(control, method="sendMessage", kind="500_after")
        await bot.refused("sendMessage", code=500, chat_id=person.id, text="x")
        assert len(await person.sees()) == 2

    async def test_strike_every_nth_until_switched_off(self, bot: Bot, control: httpx2.AsyncClient) -> None:
        await switch_on(control, method="getMe", kind="500", times=None, every=2)
        assert [(await bot.ask("getMe")).status_code for _ in range(4)] == [200, 500, 200, 500]
        (shown,) = (await control.get("/faults")).json()["faults"]
        assert (shown["seen"], shown["struck"]) == (4, 2)
        assert (await control.delete("/faults")).json() == {"cleared": 1}
        assert (await bot.ask("getMe")).status_code == 200

    @pytest.mark.parametrize("fault", [{}, {"kind": "418"}, {"kind": "500", "times": 0}, {"kind": "500", "methods": "x"}])
    async def test_refuse_what_cannot_be(self, control: httpx2.AsyncClient, fault: dict[str, object]) -> None:
        assert (await control.post("/faults", json=fault)).status_code == 400
