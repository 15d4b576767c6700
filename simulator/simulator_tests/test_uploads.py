"""Both upload flows (protocol 4.1, 4.2)."""

from typing import Any

import httpx2
import pytest


@pytest.fixture
def ticket(api: httpx2.AsyncClient, png: bytes) -> Any:
    async def ask(**more: Any) -> dict[str, Any]:
        body = {"filename": "red.png", "size": len(png), "content_type": "image/png"} | more
        answer = await api.post("/media/uploads", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    return ask


async def put(assets: httpx2.AsyncClient, ticket: dict[str, Any], content: bytes, **headers: str) -> httpx2.Response:
    return await assets.put(ticket["upload"]["url"], content=content, headers=ticket["upload"]["headers"] | headers)


class TestTicket:
    async def test_leads_to_a_download_and_a_usable_reference(
        self, assets: httpx2.AsyncClient, ticket: Any, submit: Any, png: bytes
    ) -> None:
        given = await ticket()
        assert (given["type"], given["filename"], given["size"]) == ("image", "red.png", len(png))
        assert given["upload"]["method"] == "PUT"
        assert given["upload"]["headers"] == {"Content-Type": "image/png", "If-None-Match": "*"}
        assert given["upload"]["expires_at"].endswith("Z")
        assert (await assets.get(given["download_url"])).status_code == 404
        assert (await put(assets, given, png)).status_code == 200
        got = await assets.get(given["download_url"])
        assert (got.content, got.headers["content-type"]) == (png, "image/png")
        data = await submit(model="google/nano-banana/edit", images=[given["download_url"]], enable_sync_mode=True)
        assert data["status"] == "completed"

    async def test_can_be_used_once(self, assets: httpx2.AsyncClient, ticket: Any, png: bytes) -> None:
        given = await ticket()
        assert (await put(assets, given, png)).status_code == 200
        assert (await put(assets, given, png)).status_code == 412

    async def test_is_refused_with_the_api_key(self, assets: httpx2.AsyncClient, ticket: Any, png: bytes, key: str) -> None:
        answer = await put(assets, await ticket(), png, Authorization=f"Bearer {key}")
        assert (answer.status_code, "Authorization" in answer.text) == (400, True)

    async def test_wants_the_declared_size(self, assets: httpx2.AsyncClient, ticket: Any, png: bytes) -> None:
        assert (await put(assets, await ticket(), png + b"more")).status_code == 400

    async def test_wants_exactly_its_headers(self, assets: httpx2.AsyncClient, ticket: Any, png: bytes) -> None:
        assert (await put(assets, await ticket(), png, **{"Content-Type": "image/jpeg"})).status_code == 403
        assert (await put(assets, await ticket(), png, **{"If-None-Match": "x"})).status_code == 403

    async def test_wants_a_content_length(self, assets: httpx2.AsyncClient, ticket: Any, png: bytes) -> None:
        given = await ticket()

        async def chunks() -> Any:
            yield png

        answer = await assets.put(given["upload"]["url"], content=chunks(), headers=given["upload"]["headers"])
        assert answer.status_code == 411

    @pytest.mark.parametrize("filename", ["my photo.p ng", "../../etc/passwd", "расм.пнг", "a.png?x=1", "x" * 4000])
    async def test_gives_a_plain_address_whatever_the_name(
        self, assets: httpx2.AsyncClient, ticket: Any, png: bytes, filename: str
    ) -> None:
        given = await ticket(filename=filename)
        await put(assets, given, png)
        assert (await assets.get(given["download_url"])).content == png

    async def test_expires(self, control: httpx2.AsyncClient, assets: httpx2.AsyncClient, ticket: Any, png: bytes) -> None:
        await control.put("/config", json={"ticket_ttl_s": 0})
        assert (await put(assets, await ticket(), png)).status_code == 403

    async def test_is_not_guessed(self, assets: httpx2.AsyncClient, png: bytes) -> None:
        assert (await assets.put("/signed-upload?token=guessed", content=png)).status_code == 403

    async def test_knows_the_type_from_the_name_when_none_is_given(self, ticket: Any) -> None:
        given = await ticket(content_type=None, filename="clip.mp4")
        assert (given["type"], given["upload"]["headers"]["Content-Type"]) == ("video", "video/mp4")

    @pytest.mark.parametrize(
        ("more", "status"),
        [
            ({"filename": ""}, 400),
            ({"size": 0}, 400),
            ({"size": "8"}, 400),
            ({"content_type": "text/html"}, 400),
            ({"content_type": 5}, 400),
            ({"size": 200 * 1024 * 1024 + 1}, 413),
        ],
    )
    async def test_is_refused_for_a_bad_declaration(self, api: httpx2.AsyncClient, more: Any, status: int) -> None:
        body = {"filename": "red.png", "size": 8} | more
        assert (await api.post("/media/uploads", json=body)).status_code == status

    async def test_of_a_file_that_is_no_picture_fails_the_task_with_1402(
        self, assets: httpx2.AsyncClient, ticket: Any, submit: Any
    ) -> None:
        given = await ticket(size=5)
        await put(assets, given, b"hello")
        data = await submit(model="google/nano-banana/edit", images=[given["download_url"]], enable_sync_mode=True)
        assert (data["status"], data["code"]) == ("failed", 1402)


class TestBinaryUpload:
    async def test_answers_the_download_address(self, api: httpx2.AsyncClient, assets: httpx2.AsyncClient, png: bytes) -> None:
        answer = await api.post("/media/upload/binary", files={"file": ("red.png", png, "image/png")})
        data = answer.json()["data"]
        assert (data["type"], data["filename"], data["size"]) == ("image", "red.png", len(png))
        assert (await assets.get(data["download_url"])).content == png

    async def test_wants_the_field_file(self, api: httpx2.AsyncClient, png: bytes) -> None:
        assert (await api.post("/media/upload/binary", files={"picture": ("red.png", png)})).status_code == 400
        assert (await api.post("/media/upload/binary", json={})).status_code == 400

    @pytest.mark.parametrize("status", [404, 405, 410])
    async def test_may_be_gone(self, api: httpx2.AsyncClient, control: httpx2.AsyncClient, png: bytes, status: int) -> None:
        await control.put("/config", json={"binary_upload_gone": status})
        answer = await api.post("/media/upload/binary", files={"file": ("red.png", png, "image/png")})
        assert answer.status_code == status
