"""`python -m telegram_simulator`: the Telegram to test against, from the command line."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

import uvloop

from telegram_simulator.server import running_telegram
from telegram_simulator.settings import REQUEST_LOG_MAX, TelegramSettings, is_token


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit code. A taken port is one sentence and code 1."""
    settings = _settings(_parser().parse_args(arguments))
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except OSError as error:
        sys.stderr.write(f"telegram_simulator: {error}\n")
        return 1
    return 0


async def _serve(settings: TelegramSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_, stop.set)
    async with running_telegram(settings) as running:
        sys.stdout.write(json.dumps({"event": "ready", "url": running.url}) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _settings(given: argparse.Namespace) -> TelegramSettings:
    return TelegramSettings(
        token=given.token,
        host=given.host,
        port=given.port,
        username=given.username,
        state_dir=given.state_dir,
        log_level=given.log_level,
        request_log_max=given.log_entries,
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:  # noqa: PLR2004 - the range of TCP
        raise ValueError(text)
    return port


def _token(text: str) -> str:
    if not is_token(text):
        raise ValueError(text)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="telegram_simulator",
        description="A Telegram that speaks the Bot API over real HTTP and lets a control API play the people. Prints one line of "
        "JSON with its address when it is ready; Ctrl-C stops it.",
    )
    add = parser.add_argument
    add("--port", type=_port, default=0, help="port of the Bot API and of /sim; 0 picks a free one (default: 0)")
    add("--token", type=_token, required=True, help="the bot's token, ID:SECRET; every other token is refused")
    add("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    add("--username", default="rassom_bot", help="the bot's username (default: rassom_bot)")
    add(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="keep chats, files, updates and payments here across restarts (default: memory only)",
    )
    add(
        "--log-level",
        choices=["critical", "error", "warning", "info", "debug"],
        default="warning",
        help="how much goes to stderr (default: warning)",
    )
    add(
        "--log-entries",
        type=int,
        default=REQUEST_LOG_MAX,
        metavar="N",
        help=f"how many calls GET /sim/log remembers (default: {REQUEST_LOG_MAX})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
