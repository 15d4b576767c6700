"""Who may do what: every route by every kind of caller by own, other's and absent object, generated from the route table.

A route without a row in authorisation.py fails; so does a row without a route.
"""

import itertools
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from app.core.config import Settings
from app.domain.keys import service as keys
from app.main import create_app
from simulator.server import RunningSimulator
from tests.api.authorisation import ORDER_ID, ROWS, Row, Target
from tests.credentials import BOT_TOKEN, bearer, init_data, tma
from tests.factories import BOT_KEY, NO_TLS, Shop, changed, new_telegram_id, open_shop

CALLERS = ("nobody", "bad key", "revoked key", "bot key", "admin key", "user A", "user B", "expired init data")
UNAUTHENTICATED = {"nobody", "bad key", "revoked key", "expired init data"}
USERS = {"user A": "A's", "user B": "B's"}
# What a person may ask changes what is there, so each such route has a shop of its own; the others share one.
PEOPLES = [name for name, row in ROWS.items() if row.who in {"actor", "person"}]
SHOPS = {name: [name] for name in PEOPLES} | {"everything else": [name for name in ROWS if name not in PEOPLES]}


def routes(settings: Settings) -> set[str]:
    found = set()
    for route in iter_route_contexts(create_app(settings).routes):
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path or "")
        found |= {f"{method} {path}" for method in (route.methods or {"ANY"}) - {"HEAD"}}
    return found


class Stage:
    """A shop with two people, a generation each, and every kind of caller."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.targets: dict[str, Target] = {}
        self.headers: dict[str, dict[str, str]] = {}

    async def set_up(self) -> None:
        for name in ("A's", "B's"):
            person = await self.shop.rich_user()
            self.targets[name] = Target(person, (await self.shop.order(person))["id"])
        self.targets["absent"] = Target(new_telegram_id(), 2**40)
        async with self.shop.resources.transaction() as session:
            _, admin = await keys.create(session, name="operator", scopes=["admin"])
            _, revoked = await keys.create(session, name="left", scopes=["bot", "admin"])
            await keys.revoke(session, "left")
            _, bot = await keys.create(session, name="bot", scopes=["bot"])
        self.headers = {
            "nobody": {},
            "bad key": bearer(BOT_KEY[:-1] + "x"),
            "revoked key": bearer(revoked),
            "bot key": bearer(bot),
            "admin key": bearer(admin),
            "user A": tma(init_data(self.targets["A's"].telegram_id)),
            "user B": tma(init_data(self.targets["B's"].telegram_id)),
            "expired init data": tma(init_data(self.targets["A's"].telegram_id, age_s=3700)),
        }

    async def ask(self, name: str, row: Row, target: Target, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and, when it is a problem, the problem."""
        method, path = name.split(" ")
        path = path.format(
            telegram_id=target.telegram_id,
            ref=target.ref,
            token="none",
            name="bot",
            generation_id=target.ref,
            broadcast_id=UUID(int=7),
            order_id=ORDER_ID,
        )
        asked = row.ask(target)
        asked["headers"] = {**asked.get("headers", {}), **headers}
        async with (
            httpx2.AsyncClient(base_url=self.shop.base_url, timeout=10, verify=NO_TLS) as http,
            http.stream(method, path, **asked) as answer,
        ):
            is_problem = answer.headers.get("content-type") == "application/problem+json"
            if is_problem:
                await answer.aread()
            assert is_problem == (answer.status_code >= 400), (answer.status_code, answer.headers)
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
            return answer.status_code, answer.json() if is_problem else {}


@pytest.fixture
async def stage(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Stage]:
    async with open_shop(changed(settings, bot_token=BOT_TOKEN), simulator) as shop:
        stage = Stage(shop)
        await stage.set_up()
        yield stage


def expected(row: Row, caller: str, whose: str) -> tuple[frozenset[int], str | None]:
    """The statuses that are right for this cell, and the code of a refusal."""
    if row.who == "everybody":
        return row.done, None
    if caller in UNAUTHENTICATED:
        return frozenset({401}), "unauthorized"
    allowed = {"bot": {"bot key"}, "admin": {"admin key"}}.get(row.who, {"bot key", *USERS})
    if caller not in allowed:
        return frozenset({403}), "forbidden"
    if row.who == "person" and caller in USERS and USERS[caller] != whose:
        return frozenset({404}), row.hidden
    return (row.absent if whose == "absent" and row.who in {"person", "admin"} else row.done), None


def without_numbers(problem: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in problem.items() if name != "request_id"}
    return {name: re.sub(r"\d+", "#", str(value)) for name, value in shown.items()}


class TestMatrix:
    def test_has_a_row_for_every_route(self, settings: Settings) -> None:
        assert routes(settings) - ROWS.keys() == set()

    def test_has_a_route_for_every_row(self, settings: Settings) -> None:
        assert ROWS.keys() - routes(settings) == set()

    @pytest.mark.case(18)
    @pytest.mark.parametrize("names", SHOPS.values(), ids=SHOPS)
    async def test_is_right_in_every_cell(self, stage: Stage, names: list[str]) -> None:
        wrong = {}
        for name, caller, whose in itertools.product(names, CALLERS, stage.targets):
            row = ROWS[name]
            status, problem = await stage.ask(name, row, stage.targets[whose], stage.headers[caller])
            statuses, code = expected(row, caller, whose)
            if status not in statuses or (code is not None and problem["code"] != code):
                wrong[name, caller, whose] = (status, problem.get("code"), sorted(statuses), code)
        assert wrong == {}

    @pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.who == "person"])
    async def test_tells_nobody_whether_somebody_elses_object_exists(self, stage: Stage, name: str) -> None:
        others = await stage.ask(name, ROWS[name], stage.targets["B's"], stage.headers["user A"])
        absent = await stage.ask(name, ROWS[name], stage.targets["absent"], stage.headers["user A"])

        assert others[0] == absent[0] == 404
        assert without_numbers(others[1]) == without_numbers(absent[1])

    @pytest.mark.parametrize("name", [name for name in ROWS if "{ref}" in name])
    async def test_ones_own_name_opens_nobody_elses_generation(self, stage: Stage, name: str) -> None:
        mine, theirs, absent = (stage.targets[whose] for whose in ("A's", "B's", "absent"))
        for caller in ("user A", "bot key"):
            headers = stage.headers[caller]
            forged = await stage.ask(name, ROWS[name], Target(mine.telegram_id, theirs.ref), headers)
            nothing = await stage.ask(name, ROWS[name], Target(mine.telegram_id, absent.ref), headers)

            assert (forged[0], forged[1]["code"]) == (404, "generation_not_found")
            assert without_numbers(forged[1]) == without_numbers(nothing[1])

    async def test_changed_nothing_for_those_it_refused(self, stage: Stage) -> None:
        mine = stage.targets["A's"].telegram_id
        for name, row in ROWS.items():
            if name.startswith(("POST", "PUT")) and row.who != "everybody":
                for caller in (*UNAUTHENTICATED, "user B"):
                    await stage.ask(name, row, stage.targets["A's"], stage.headers[caller])

        assert await stage.shop.balance(mine) == (99, 1)
        assert await stage.shop.eyes.fetchval("SELECT count(*) FROM generation_requests WHERE status = 'queued'") == 2
        assert await stage.shop.eyes.fetchval("SELECT count(*) FROM users") == 2
