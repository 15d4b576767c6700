"""What is written to the log, in a process of its own: as an operator of production or a developer reads it."""

import json
import re
import subprocess
import sys
from functools import cache
from typing import Any

from app.core.config import Settings
from app.core.logging import _mask

PROGRAM = """
import logging, sys
from app.core.config import Settings
from app.core.logging import bind, configure_logging, get_logger

configure_logging(Settings(_env_file=None, environment=sys.argv[1], log_level="info"), program="api")
log = get_logger("app.here")

def draw(prompt, api_key):
    raise ValueError("no paper")

log.debug("unseen")
with bind(request_id="r-1"):
    log.info("accepted", generation_id=7, prompt="a secret wish", api_key="rsk_hidden", token="t-hidden", password="p-hidden")
    logging.getLogger("some.library").warning("its line %s", "x", extra={"password": "extra-hidden"})
    try:
        draw("a secret wish", "rsk_hidden")
    except ValueError:
        log.exception("failed")
log.info("after")
"""
REQUESTS = """
import asyncio, logging, os, signal, sys
from app.core.config import Settings
from app.core.logging import bind, configure_logging, get_logger, log_request

configure_logging(Settings(_env_file=None, environment=sys.argv[1], log_level=sys.argv[2]), program="api")
log = get_logger("app.here")
FACTS = {"method": "GET", "path": '/a"b\\\\ў\\n', "status": 200, "took_ms": 0.1}

def ended(request_id, **facts):
    log_request("app.here", "info", request_id=request_id, **{**FACTS, **facts})

async def serve():
    with bind(request_id="r-1"):
        log.info("request", **FACTS)
        ended("r-1")
        ended("r-2", status=404, took_ms=12.0)
        logging.getLogger("some.library").warning("a library's line")
        ended("r-3")
        log.error("failed")
        ended("r-4")
        log_request("app.here", "debug", request_id="unheard", **FACTS)

async def die():
    ended("r-5")
    await asyncio.sleep(0.3)
    ended("r-6")
    log.error("about to die")
    ended("lost")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(serve())
if "die" in sys.argv:
    asyncio.run(die())
"""
HIDDEN = ("a secret wish", "rsk_hidden", "t-hidden", "p-hidden", "extra-hidden")


@cache
def run(environment: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, environment], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def lines_of(environment: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(environment)[1].splitlines()]


class TestProduction:
    def test_is_one_json_object_a_line_with_who_said_it_and_when(self) -> None:
        lines = lines_of("production")

        assert [line["event"] for line in lines] == ["accepted", "its line x", "failed", "after"]
        assert {line["program"] for line in lines} == {"api"}
        assert [line["level"] for line in lines] == ["info", "warning", "error", "info"]
        assert [line["logger"] for line in lines] == ["app.here", "some.library", "app.here", "app.here"]
        assert all(line["timestamp"].endswith("Z") for line in lines)

    def test_carries_the_request_id_on_every_line_of_the_request(self) -> None:
        assert [line.get("request_id") for line in lines_of("production")] == ["r-1", "r-1", "r-1", None]

    def test_masks_prompts_and_secrets(self) -> None:
        lines = lines_of("production")

        assert [lines[0][name] for name in ("prompt", "api_key", "token", "password")] == ["***"] * 4
        assert lines[0]["generation_id"] == 7
        assert not [hidden for hidden in HIDDEN if hidden in json.dumps(lines)]

    def test_shows_where_it_failed_without_local_variables(self) -> None:
        (failed,) = [line for line in lines_of("production") if line["event"] == "failed"]

        (error,) = failed["exception"]
        assert (error["exc_type"], error["exc_value"]) == ("ValueError", "no paper")
        assert [frame["name"] for frame in error["frames"]] == ["<module>", "draw"]
        assert not any(frame.get("locals") for frame in error["frames"])


class TestRequests:
    def run(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, "-c", REQUESTS, *arguments], capture_output=True, text=True, check=False, timeout=60)
        return done.stderr

    def test_are_written_as_any_other_line_in_their_order_and_to_the_last_one(self) -> None:
        said = self.run("production", "info").splitlines()

        usual, first, *_ = lines = [json.loads(line) for line in said]
        assert {**usual, "timestamp": ""} == {**first, "timestamp": ""}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first["timestamp"])
        assert [(line["event"], line["request_id"]) for line in lines] == [
            *[("request", name) for name in ("r-1", "r-1", "r-2")],
            ("a library's line", "r-1"),
            ("request", "r-3"),
            ("failed", "r-1"),
            ("request", "r-4"),
        ]
        assert (lines[2]["status"], lines[2]["took_ms"]) == (404, 12.0)

    def test_do_not_wait_for_another_line_and_what_is_wrong_is_written_before_the_process_is_killed(self) -> None:
        lines = [json.loads(line) for line in self.run("production", "info", "die").splitlines()]

        assert [line.get("request_id") or line["event"] for line in lines][-4:] == ["r-4", "r-5", "r-6", "about to die"]

    def test_are_left_out_below_the_level(self) -> None:
        assert [json.loads(line)["event"] for line in self.run("production", "warning").splitlines()] == [
            "a library's line",
            "failed",
        ]

    def test_are_readable_for_a_developer(self) -> None:
        said = [line for line in self.run("local", "info").splitlines() if "took_ms=12.0" in line]

        assert ["request_id=r-1" in line and "status=404" in line for line in said] == [True]


class TestLocal:
    def test_is_readable_text_on_stderr_and_nothing_on_stdout(self) -> None:
        said, logged = run("local")

        assert said == ""
        assert "accepted" in logged
        assert "request_id=r-1" in logged
        assert "\x1b[" not in logged

    def test_masks_prompts_and_secrets_and_shows_no_local_variables(self) -> None:
        _, logged = run("local")

        assert "ValueError: no paper" in logged
        assert not [hidden for hidden in HIDDEN if hidden in logged]


class TestMask:
    def test_leaves_other_facts_alone(self) -> None:
        assert _mask(None, "", {"event": "x", "tokens": 3, "prompt_length": 4, "secret": "s"}) == {
            "event": "x",
            "tokens": 3,
            "prompt_length": 4,
            "secret": "***",
        }

    def test_covers_every_secret_setting_by_its_type(self) -> None:
        secrets = {name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}

        assert {"database_url", "redis_url", "wavespeed_api_key", "bootstrap_api_key", "postgres_password"} <= secrets
