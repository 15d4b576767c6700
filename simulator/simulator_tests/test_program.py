"""The program itself: `python -m simulator`."""

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

from simulator.__main__ import main

MODEL = "/api/v3/bytedance/seedream-v4"
HEADERS = {"Authorization": "Bearer k"}
ROOT = Path(__file__).parent.parent


@contextlib.asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "simulator", "--api-key", "k", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(await asyncio.wait_for(process.stdout.readline(), 10))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class TestProgram:
    @pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
    async def test_stops_cleanly_with_held_requests(self, stop: signal.Signals) -> None:
        async with program("--delay", "60") as (process, ready), httpx2.AsyncClient(base_url=ready["url"]) as client:
            assert ready["event"] == "ready"
            assert ready["asset_url"].startswith("http://127.0.0.1:")
            body = {"prompt": "held", "enable_sync_mode": True}
            held = asyncio.gather(
                *(client.post(MODEL, json=body, headers=HEADERS, timeout=30) for _ in range(5)),
                client.post(MODEL, json={"prompt": "[sim:submit_slow_after_accept=60]"}, headers=HEADERS, timeout=30),
                return_exceptions=True,
            )
            await asyncio.sleep(0.3)
            started = time.monotonic()
            process.send_signal(stop)
            out, err = await process.communicate()
            assert time.monotonic() - started < 2
            assert (process.returncode, out, err) == (0, b"", b"")
            assert all(isinstance(outcome, httpx2.TransportError) for outcome in await held)

    async def test_knows_its_predictions_after_kill_9(self, tmp_path: Path) -> None:
        state = ("--state-dir", str(tmp_path), "--delay", "0.5")
        async with program(*state) as (process, ready), httpx2.AsyncClient(base_url=ready["url"]) as client:
            answer = await client.post(MODEL, json={"prompt": "killed"}, headers=HEADERS)
            prediction_id = answer.json()["data"]["id"]
            process.kill()
            await process.wait()
        async with program(*state) as (_, again), httpx2.AsyncClient(base_url=again["url"]) as client:
            assert again["asset_url"] == ready["asset_url"]
            status = ""
            async with asyncio.timeout(5):
                while status != "completed":
                    read = await client.get(f"/api/v3/predictions/{prediction_id}/result", headers=HEADERS)
                    status = read.json()["data"]["status"]
            found = (await client.get("/sim/predictions")).json()
            assert (found["count"], found["predictions"][0]["submitted"]) == (1, 1)

    def test_says_in_one_sentence_that_the_port_is_taken(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert main(["--api-key", "k", "--port", str(port)]) == 1
        assert capsys.readouterr().err == f"simulator: cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--api-key", "k", "--port", "70000"],
            ["--api-key", "k", "--delay", "-1"],
            ["--api-key", "k", "--delay", "inf"],
            ["--api-key", "k", "--tier", "wood"],
            ["--api-key", "k", "--balance", "much"],
            ["--api-key", "k", "--balance", "NaN"],
            ["--api-key", "k", "--webhook-secret", "plain"],
            ["--api-key", "k", "--asset-url", "localhost"],
        ],
    )
    def test_refuses_arguments_that_make_no_sense(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert "usage: simulator" in capsys.readouterr().err

    async def test_announces_the_addresses_it_is_told(self) -> None:
        told = ("--public-url", "http://simulator:8000/", "--asset-url", "http://simulator:8001")
        async with program(*told, "--delay", "0") as (_, ready):
            assert (ready["url"], ready["asset_url"]) == ("http://simulator:8000", "http://simulator:8001")
