import os
import signal
from pathlib import Path

import pytest
from redis import Redis

from app.embedded import valkey
from app.embedded.processes import EmbeddedError


class TestStart:
    def test_keeps_what_it_holds_for_the_next_start(self, empty_home: Path) -> None:
        with valkey.start(empty_home) as server, Redis.from_url(server.url) as client:
            client.set("city", "Samarkand")
        with valkey.start(empty_home) as server, Redis.from_url(server.url) as client:
            assert client.get("city") == b"Samarkand"

    def test_refuses_to_forget_when_memory_is_short(self, empty_home: Path) -> None:
        with valkey.start(empty_home) as server, Redis.from_url(server.url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}

    def test_does_not_mind_a_path_that_is_too_long_for_a_socket_and_full_of_signs(self, empty_home: Path) -> None:
        for name in ("100% 'strange' path & more?", "too long" * 20):
            with valkey.start(empty_home / name) as server, Redis.from_url(server.url) as client:
                assert client.ping()
        assert not server.socket_path.parent.exists()

    def test_says_what_is_wrong_and_the_way_out_when_the_data_is_spoiled(self, empty_home: Path) -> None:
        with valkey.start(empty_home):
            pass
        for file in (empty_home / "valkey" / "appendonlydir").iterdir():
            file.write_bytes(b"spoiled " * 100)
        with pytest.raises(EmbeddedError, match=r"did not start: .* REDIS_URL="):
            valkey.start(empty_home)

    def test_stops_waiting_when_it_is_told_to(self, empty_home: Path) -> None:
        def give_up(_: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            valkey.start(empty_home, pause=give_up)
        assert not (empty_home / "run" / "valkey.sock").exists()


class TestCrash:
    def test_comes_back_at_the_same_address_after_kill_9(self, empty_home: Path) -> None:
        with valkey.start(empty_home) as server, Redis.from_url(server.url) as client:
            client.set("city", "Buxoro")
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
            with valkey.start(empty_home) as again, Redis.from_url(again.url) as new_client:
                assert again.url == server.url
                assert new_client.get("city") == b"Buxoro"

    def test_a_server_that_outlived_its_supervisor_is_ended_first(self, empty_home: Path) -> None:
        with valkey.start(empty_home) as orphan, Redis.from_url(orphan.url) as client:
            client.set("city", "Xiva")
            with valkey.start(empty_home) as server, Redis.from_url(server.url) as new_client:
                assert orphan.process.wait(5) == 0
                assert new_client.get("city") == b"Xiva"
