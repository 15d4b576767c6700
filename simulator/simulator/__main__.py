"""`python -m simulator`: the provider simulator from the command line."""

import argparse
import asyncio
import contextlib
import json
import logging
import resource
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

import uvloop

from simulator.server import running_simulator
from simulator.settings import DEFAULT_BALANCE_USD, DEFAULT_WEBHOOK_SECRET, REQUEST_LOG_MAX, TIERS, Behaviour, SimulatorSettings

OPEN_FILES_MAX = 65_536


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit code. A taken port is one sentence and code 1."""
    settings = _settings(_parser().parse_args(arguments))
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    _raise_open_files()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except OSError as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 1
    return 0


async def _serve(settings: SimulatorSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_, stop.set)
    async with running_simulator(settings) as running:
        ready = {"event": "ready", "url": running.url, "asset_url": running.asset_url}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _raise_open_files() -> None:
    """Thousands of held requests are thousands of open sockets: use all the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _settings(given: argparse.Namespace) -> SimulatorSettings:
    return SimulatorSettings(
        api_key=given.api_key,
        host=given.host,
        port=given.port,
        asset_port=given.asset_port,
        public_url=given.public_url,
        asset_url=given.asset_url,
        webhook_secret=given.webhook_secret,
        balance=given.balance,
        state_dir=given.state_dir,
        log_level=given.log_level,
        request_log_max=given.log_entries,
        behaviour=Behaviour(delay_s=given.delay, tier=given.tier, over_limit=given.over_limit, unknown_keys=given.unknown_keys),
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError(text)
    return seconds


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:  # noqa: PLR2004 - the range of TCP
        raise ValueError(text)
    return port


def _usd(text: str) -> Decimal:
    try:
        usd = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not usd.is_finite():
        raise ValueError(text)
    return usd


def _origin(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(text)
    return text.rstrip("/")


def _secret(text: str) -> str:
    if not text.startswith("whsec_"):
        raise ValueError(text)
    return text


def _parser() -> argparse.ArgumentParser:
    """Every option with its help; long because it is a table."""
    parser = argparse.ArgumentParser(
        prog="simulator",
        description="A provider that speaks the WaveSpeed v3 protocol over real HTTP, draws real pictures and fails on "
        "demand. Prints one line of JSON with its addresses when it is ready; Ctrl-C stops it.",
    )
    add = parser.add_argument
    add("--port", type=_port, default=0, help="port of the provider API and of /sim; 0 picks a free one (default: 0)")
    add("--api-key", required=True, help="the key callers must send as `Authorization: Bearer KEY`")
    add("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    add(
        "--asset-port",
        type=_port,
        default=0,
        help="port of the second origin, where outputs and uploads live; 0 picks a free one (default: 0)",
    )
    add("--public-url", type=_origin, help="how callers reach the API when not at http://HOST:PORT, as in a container network")
    add("--asset-url", type=_origin, help="the same for the second origin")
    add("--delay", type=_seconds, default=1.0, metavar="SECONDS", help="how long a task takes (default: 1)")
    add(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="keep predictions, uploads and outputs here across restarts (default: memory only)",
    )
    add(
        "--webhook-secret",
        type=_secret,
        default=DEFAULT_WEBHOOK_SECRET,
        metavar="whsec_...",
        help="what webhooks are signed with; GET /api/v3/webhook/secret tells it too",
    )
    add(
        "--tier", choices=TIERS, default="unlimited", help="account level: pictures a minute and tasks at once (default: unlimited)"
    )
    add(
        "--over-limit",
        choices=["queue", "429"],
        default="queue",
        help="what happens to a task over the concurrency limit (default: queue)",
    )
    add(
        "--unknown-keys",
        choices=["drop", "reject"],
        default="drop",
        help="what happens to request keys the model does not know (default: drop)",
    )
    add(
        "--balance",
        type=_usd,
        default=DEFAULT_BALANCE_USD,
        metavar="USD",
        help=f"the account's balance at start (default: {DEFAULT_BALANCE_USD})",
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
        help=f"how many requests GET /sim/log remembers (default: {REQUEST_LOG_MAX})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
