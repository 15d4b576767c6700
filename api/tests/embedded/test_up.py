import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings
from app.embedded import ports
from app.embedded import up as everything
from tests.embedded import census
from tests.embedded.conftest import ORDINARY_UID, become

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the census of processes reads /proc"),
    pytest.mark.skipif(not shutil.which("curl"), reason="the banner's order is a curl"),
]
PATIENCE_S = 40.0
STOPPED_WITHIN_S = 5.0


class Up:
    """A `rassom up` in its own process with a bare environment, as a user has it on the first day."""

    def __init__(self, home: Path, *arguments: str, as_user: tuple[str, ...] = (), **env: str) -> None:
        self.home = home
        bare = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "RASSOM_HOME": str(home), **env}
        command = [*as_user, sys.executable, "-m", "app.cli", "up", *arguments]
        (self.home / "said").touch()
        with (self.home / "said").open("ab") as sink:
            self.process = subprocess.Popen(command, env=bare, cwd=home, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)

    @property
    def said(self) -> str:
        return (self.home / "said").read_text()

    def wait_until_it_says(self, text: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline_s, self.said
            time.sleep(0.05)

    def stop(self, name: signal.Signals = signal.SIGINT) -> float:
        """Stop it; how long that took. Nothing of it may be left."""
        children = census.descendants(self.process.pid)
        started_s = time.monotonic()
        self.process.send_signal(name)
        assert self.process.wait(PATIENCE_S) == 0, self.said
        took_s = time.monotonic() - started_s
        assert census.wait_until_gone(children, within_s=0) == {}
        assert self.said.endswith("Stopped.\n")
        return took_s

    def paste(self, number: int, **replaced: str) -> Any:
        """What the shell answers to one of the banner's commands."""
        command = re.findall(r"^ +(curl .*)$", self.said, re.MULTILINE)[number]
        for name, value in replaced.items():
            command = command.replace(name, value)
        return json.loads(subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout)

    def order_a_picture(self) -> bytes:
        order = self.paste(0)
        deadline_s = time.monotonic() + PATIENCE_S
        while not (urls := self.paste(1, ID=str(order["request"]["id"]))):
            assert time.monotonic() < deadline_s
            time.sleep(0.2)
        with urllib.request.urlopen(urls[0]) as answer:  # noqa: S310 - the simulator's own address
            return bytes(answer.read())


@contextmanager
def up(home: Path, *, as_user: tuple[str, ...] = (), **env: str) -> Iterator[Up]:
    """One that is ready, and stopped at the end."""
    running = Up(home, as_user=as_user, **({"PORT": str(ports.free_ports(1)[0])} | env))
    try:
        running.wait_until_it_says("Order a picture")
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture(scope="module")
def rassom() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="rassom-", ignore_cleanup_errors=True) as home, up(Path(home)) as running:
        yield running


class TestRunning:
    def test_the_banner_has_a_curl_that_makes_a_picture(self, rassom: Up) -> None:
        assert rassom.order_a_picture().startswith((b"\x89PNG", b"\xff\xd8"))

    def test_the_keys_are_for_their_owner_only(self, rassom: Up) -> None:
        private = [rassom.home / "api-key", rassom.home / "simulator-key", rassom.home / "run", rassom.home / "run" / "up.json"]
        assert [path.stat().st_mode & 0o077 for path in private] == [0, 0, 0, 0]
        assert (rassom.home / "api-key").read_text() in rassom.said

    def test_a_killed_database_comes_back_by_itself(self, rassom: Up) -> None:
        pid = int((rassom.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        rassom.wait_until_it_says("PostgreSQL runs again")
        assert "PostgreSQL ended unexpectedly (killed by SIGKILL)" in rassom.said
        assert rassom.paste(1, ID="1") is not None

    def test_the_demo_uses_the_one_that_is_running(self, rassom: Up) -> None:
        demo = Up(rassom.home, "--demo")
        assert demo.process.wait(PATIENCE_S) == 0, demo.said
        assert "Using the Rassom that is running at http://127.0.0.1:" in demo.said
        assert list(rassom.home.glob("rassom-demo-*"))


class TestStopping:
    def test_after_kill_9_nothing_is_left_and_the_next_start_has_the_same_key_ports_and_pictures(self, empty_home: Path) -> None:
        as_user = tuple(become(empty_home, ORDINARY_UID)) if os.geteuid() == 0 else ()
        port = str(ports.free_ports(1)[0])
        with up(empty_home, as_user=as_user, PORT=port) as killed:
            key, pictures = (empty_home / "api-key").read_text(), (empty_home / "simulator-ports.json").read_text()
            children = census.descendants(killed.process.pid)
            killed.process.kill()
            killed.process.wait()
            (empty_home / "said").unlink()
            with up(empty_home, as_user=as_user, PORT=port) as again:
                assert census.wait_until_gone(children, within_s=1) == {}
                assert ((empty_home / "api-key").read_text(), (empty_home / "simulator-ports.json").read_text()) == (key, pictures)
                assert again.stop(signal.SIGTERM) < STOPPED_WITHIN_S


class TestSettings:
    def test_servers_that_are_named_are_used_instead(self, empty_home: Path, database_url: str, redis_url: str) -> None:
        named = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "WAVESPEED_API_KEY": "a key"}
        with up(empty_home, WAVESPEED_API_BASE_URL="http://127.0.0.1:9/api/v3", **named) as running:
            programs = sorted(command.split()[-1] for command in census.descendants(running.process.pid).values())
            assert programs == ["api", "worker"]
            assert "provider  http://127.0.0.1:9/api/v3\n" in running.said


class TestRefusals:
    def test_a_second_one_on_the_same_data(self, rassom: Up, capsys: pytest.CaptureFixture[str]) -> None:
        assert refusal(capsys, rassom.home).startswith(
            f"Rassom is running already on the data in {rassom.home}. Stop it there, or use"
        )

    def test_a_busy_port(self, empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            said = (
                f"Port {port} on 127.0.0.1 is in use by another program. Free it, or choose another one: PORT={port + 1} make run\n"
            )
            assert refusal(capsys, empty_home, port=port) == said

    def test_an_address_of_another_machine(self, empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = "HOST=192.0.2.1 is not an address of this machine. Try HOST=127.0.0.1 make run\n"
        assert refusal(capsys, empty_home, host="192.0.2.1") == said

    def test_a_name_without_an_address(self, empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = "HOST=nowhere.invalid cannot be resolved to an address of this machine. Try HOST=127.0.0.1 make run\n"
        assert refusal(capsys, empty_home, host="nowhere.invalid") == said

    def test_a_home_that_cannot_be_made(self, empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (empty_home / "file").touch()
        assert refusal(capsys, empty_home / "file" / "home").startswith(f"You may not keep data in {empty_home}/file/home.")


def refusal(capsys: pytest.CaptureFixture[str], home: Path, **values: Any) -> str:
    """What `rassom up` says when it does not start."""
    assert everything.run(Settings(_env_file=None, rassom_home=home, **values)) == 1
    return capsys.readouterr().err
