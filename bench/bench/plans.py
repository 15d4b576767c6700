"""What PostgreSQL did for each statement of the product, as its own auto_explain wrote it into the server's log."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

_PLAN = re.compile(r"duration: [\d.]+ ms  plan:\s*(?=\{)")
_ON = (
    "ALTER ROLE rassom SET session_preload_libraries = 'auto_explain'",
    "ALTER ROLE rassom SET auto_explain.log_min_duration = 0",
    "ALTER ROLE rassom SET auto_explain.log_analyze = on",
    "ALTER ROLE rassom SET auto_explain.log_timing = off",
    "ALTER ROLE rassom SET auto_explain.log_buffers = on",
    "ALTER ROLE rassom SET auto_explain.log_nested_statements = on",
    "ALTER ROLE rassom SET auto_explain.log_level = warning",
    "ALTER ROLE rassom SET auto_explain.log_format = json",
)
_CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rassom' AND application_name LIKE 'rassom api%'"


@dataclass
class Statement:
    """One statement of the product: how often it ran, the pages that it touched, and the tables it read from end to end."""

    calls: int = 0
    pages: int = 0
    scanned: set[str] = field(default_factory=set)


async def switch_on(superuser_url: str) -> None:
    """Have every statement of the API explained from its next connection on; the ones it has are cut off."""
    connection = await asyncpg.connect(superuser_url)
    try:
        for statement in _ON:
            await connection.execute(statement)
        await connection.execute(_CUT_OFF)
    finally:
        await connection.close()


async def switch_off(superuser_url: str) -> None:
    """End the explaining."""
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute("ALTER ROLE rassom RESET ALL")
        await connection.execute(_CUT_OFF)
    finally:
        await connection.close()


def read_statements(log: Path, *, begins_at: int) -> dict[str, Statement]:
    """The statements in the server's log from that byte on, by their text."""
    found: defaultdict[str, Statement] = defaultdict(Statement)
    with log.open("rb") as file:
        file.seek(begins_at)
        text = file.read().decode(errors="replace")
    decoder = json.JSONDecoder(strict=False)
    for match in _PLAN.finditer(text):
        explained, _ = decoder.raw_decode(text, match.end())
        statement = found[" ".join(explained["Query Text"].split())]
        statement.calls += 1
        statement.pages += explained["Plan"].get("Shared Hit Blocks", 0) + explained["Plan"].get("Shared Read Blocks", 0)
        statement.scanned |= {node["Relation Name"] for node in _nodes(explained["Plan"]) if node["Node Type"] == "Seq Scan"}
    return dict(found)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
