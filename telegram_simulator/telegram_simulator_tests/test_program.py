"""The program itself: `python -m telegram_simulator`, and what a restart keeps."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from telegram_simulator.__main__ import main
from telegram_simulator_tests.conftest import TOKEN, Bot, Person, a_picture
from telegram_simulator_tests.test_taps_and_payments import INVOICE, KEYS, approve

ROOT = Path(__file__).parent.parent


@contextlib.asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "telegram_simulator", "--token", TOKEN, *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class TestProgram:
    @pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
    async def test_stops_cleanly_with_readers_waiting(self, stop: signal.Signals) -> None:
        async with program() as (process, ready), httpx2.AsyncClient(base_url=ready["url"], timeout=30) as client:
            person = (await client.post("/sim/users", json={"first_name": "Aziza"})).json()["id"]
            await client.post(f"/sim/users/{person}/text", json={"text": "/start"})
            sent = await client.post(f"/bot{TOKEN}/sendMessage", json={"chat_id": person, "text": "x", "reply_markup": KEYS})
            tap = {"message_id": sent.json()["result"]["message_id"], "data": "go", "wait_s": 30}
            (update,) = (await client.get(f"/bot{TOKEN}/getUpdates")).json()["result"]
            reading = {"timeout": 30, "offset": update["update_id"] + 9}
            waiting = asyncio.gather(
                client.get(f"/bot{TOKEN}/getUpdates", params=reading),
                client.post(f"/sim/users/{person}/tap", json=tap),
                client.get(f"/sim/chats/{person}", params={"newer_than": 99, "wait_s": 30}),
                return_exceptions=True,
            )
            await asyncio.sleep(0.2)
            started = time.monotonic()
            process.send_signal(stop)
            out, err = await process.communicate()
            assert time.monotonic() - started < 3
            assert (process.returncode, out, err) == (0, b"", b"")
            await waiting

    async def test_knows_everything_after_kill_9(self, tmp_path: Path) -> None:
        state = ("--state-dir", str(tmp_path))
        async with program(*state) as (process, ready), httpx2.AsyncClient(base_url=ready["url"], timeout=10) as http:
            bot, control = Bot(http), httpx2.AsyncClient(base_url=f"{ready['url']}/sim")
            person = Person(control, (await control.post("/users", json={"first_name": "Aziza"})).json()["id"])
            await person.do("text", text="/start")
            await bot.updates(allowed_updates=["message", "pre_checkout_query"])
            invoice = await bot.call("sendInvoice", chat_id=person.id, **INVOICE)
            paying = asyncio.gather(person.do("pay", message_id=invoice["message_id"]))
            await approve(bot, ok=True)
            ((paid,),) = (await paying,)
            (sent,) = await person.sends(a_picture(), as_files=True)
            process.kill()
            await process.wait()
            await control.aclose()
        async with program(*state) as (_, ready), httpx2.AsyncClient(base_url=ready["url"], timeout=10) as http:
            bot, control = Bot(http), httpx2.AsyncClient(base_url=f"{ready['url']}/sim")
            waiting = [update["message"] for update in await bot.updates() if "message" in update]
            assert [sorted(set(message) - {"message_id", "from", "chat", "date"}) for message in waiting] == [
                ["successful_payment"],
                ["document"],
            ]
            assert (await bot.call("getStarTransactions"))["transactions"][0]["id"] == paid["telegram_payment_charge_id"]
            file = await bot.call("getFile", file_id=sent["document"]["file_id"])
            assert (await http.get(f"/file/bot{TOKEN}/{file['file_path']}")).content == a_picture()
            person.control = control
            assert [message["message_id"] for message in await person.sees()] == [1, 2, 3, 4]
            assert (await bot.call("sendMessage", chat_id=person.id, text="back"))["message_id"] == 5
            await control.aclose()

    def test_says_in_one_sentence_that_the_port_is_taken(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert main(["--token", TOKEN, "--port", str(port)]) == 1
        said = f"telegram_simulator: cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}\n"
        assert capsys.readouterr().err == said

    @pytest.mark.parametrize("arguments", [[], ["--token", "secret"], ["--token", TOKEN, "--port", "70000"]])
    def test_refuses_arguments_that_make_no_sense(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert "usage: telegram_simulator" in capsys.readouterr().err
