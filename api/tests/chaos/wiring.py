"""Which part of a chaos run reaches which other one over which wire, and what each program is told of it."""

from pathlib import Path

from app.embedded import home as homes
from app.embedded import sockets
from simulator.settings import DEFAULT_WEBHOOK_SECRET
from tests.factories import BOT_KEY
from tests.proxy import Link

PROGRAMS = {"api-1": "api", "api-2": "api", "worker-1": "worker", "worker-2": "worker"}
BOTS = {"bot-1": "bot", "bot-2": "bot"}
"""One by long polling, the other one by webhook: whichever began last has the updates. Both deliver, all the time."""

TOKEN = "424242:" + "c" * 35
_WEBHOOK_SECRET = "webhook-of-the-chaos-run"


def links(home: Path, direct: dict[str, int], *, is_shop: bool) -> list[Link]:
    """Every wire; those of the bots only where there are any."""
    run = sockets.directory(home)
    return [
        *(Link(f"{name}>database", run / ".s.PGSQL.5432") for name in PROGRAMS),
        *(Link(f"{name}>provider", direct["provider"]) for name in PROGRAMS if name.startswith("worker")),
        *(Link(f"client>{name}", direct[name]) for name in PROGRAMS if name.startswith("api")),
        Link("all>valkey", run / "valkey.sock"),
        *(_links_of_bots(direct) if is_shop else ()),
    ]


def _links_of_bots(direct: dict[str, int]) -> list[Link]:
    return [
        *(Link(f"{name}>api", direct[name.replace("bot", "api")]) for name in BOTS),
        *(Link(f"{name}>telegram", direct["telegram"]) for name in BOTS),
        Link("telegram>bot-2", direct["bot-2"]),
    ]


def environment(home: Path, name: str, wires: dict[str, Link], direct: dict[str, int], lease_s: float) -> dict[str, str]:
    """What this program is started with: addresses on its own wires."""
    if name in BOTS:
        return _of_bot(name, wires, direct, lease_s)
    provider = wires[f"{name}>provider"].port if name.startswith("worker") else direct["provider"]
    return {
        "PORT": str(direct.get(name, 8000)),
        "DATABASE_URL": f"postgresql://rassom@127.0.0.1:{wires[f'{name}>database'].port}/rassom?sslmode=disable",
        "REDIS_URL": f"redis://127.0.0.1:{wires['all>valkey'].port}",
        "WAVESPEED_API_BASE_URL": f"http://127.0.0.1:{provider}/api/v3",
        "WAVESPEED_API_KEY": homes.simulator_key(home),
        "BOOTSTRAP_API_KEY": BOT_KEY,
        "RUN_MIGRATIONS": "false",
        "RATE_LIMIT_ENABLED": "false",
        "WAVESPEED_TIMEOUT_SECONDS": "8",
        "WAVESPEED_POLL_INTERVAL_SECONDS": "0.3",
        "WAVESPEED_SYNC_MODE": str(name != "worker-2").lower(),  # one worker holds the connection, the other one polls
        "WAVESPEED_WEBHOOK_SECRET": DEFAULT_WEBHOOK_SECRET,
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{wires['client>api-1'].port}",
        "LOG_LEVEL": "warning",
    }


def _of_bot(name: str, wires: dict[str, Link], direct: dict[str, int], lease_s: float) -> dict[str, str]:
    by_webhook = {
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{wires['telegram>bot-2'].port}",
        "BOT_WEBHOOK_SECRET": _WEBHOOK_SECRET,
        "BOT_PORT": str(direct["bot-2"]),
    }
    return {
        "BOT_TOKEN": TOKEN,
        "API_BASE_URL": f"http://127.0.0.1:{wires[f'{name}>api'].port}",
        "API_KEY": BOT_KEY,
        "TELEGRAM_API_BASE_URL": f"http://127.0.0.1:{wires[f'{name}>telegram'].port}",
        "REDIS_URL": f"redis://127.0.0.1:{wires['all>valkey'].port}",
        "BOT_DELIVERY_LEASE_SECONDS": str(round(lease_s)),
        **(by_webhook if name == "bot-2" else {}),
    }
