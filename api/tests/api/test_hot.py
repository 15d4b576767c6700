"""Hot routes: whose an everyday request is, and what is left to FastAPI."""

from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.api.hot import HotRoutes, hot_for
from app.core.exception_handlers import add_exception_handlers
from app.domain.users.errors import UserNotFoundError

router = APIRouter()


@router.get("/things/plain")
async def plain() -> str:
    return "plain"


@router.get("/things/{name}")
async def named(name: str) -> str:
    return f"usual {name}"


@hot_for(named)
async def _named(request: Request) -> Response | None:
    name = request.path_params["name"]
    if name == "gone":
        raise UserNotFoundError(7)
    return PlainTextResponse(f"hot {name}") if name != "odd" else None


@router.get("/things/shadowed")
async def shadowed() -> str:
    return "unreachable"


@hot_for(shadowed)
async def _shadowed(_: Request) -> Response:
    return PlainTextResponse("unreachable")


@router.post("/things/{name}")
async def made(name: str) -> str:
    return f"made {name}"


async def ask(method: str, path: str) -> httpx2.Response:
    app = FastAPI()
    app.router.routes[:0] = router.routes
    app.add_middleware(HotRoutes, routes=app.routes)
    add_exception_handlers(app)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://shop") as client:
        return await client.request(method, path)


async def said(method: str, path: str) -> Any:
    answer = await ask(method, path)
    return answer.json() if answer.headers["Content-Type"].startswith("application/json") else answer.text


class TestHotRoutes:
    async def test_answer_everyday_requests_and_leave_others_to_fastapi(self) -> None:
        assert await said("GET", "/things/door") == "hot door"
        assert await said("GET", "/things/odd") == "usual odd"

    async def test_take_no_request_that_belongs_to_a_route_declared_before(self) -> None:
        assert await said("GET", "/things/plain") == "plain"
        assert await said("GET", "/things/shadowed") == "hot shadowed"

    async def test_take_no_other_method(self) -> None:
        assert await said("POST", "/things/door") == "made door"
        assert (await ask("PUT", "/things/door")).status_code == 405
        assert (await ask("HEAD", "/things/door")).status_code == 405

    async def test_refuse_as_all_routes_do(self) -> None:
        answer = await ask("GET", "/things/gone")

        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
