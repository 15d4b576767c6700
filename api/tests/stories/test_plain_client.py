"""A client that knows nothing but the paths and fields of the contract, as an existing bot does."""

import asyncio
from typing import Any

import aiohttp

from tests.factories import BOT_KEY, Shop, new_telegram_id
from tests.pictures import a_picture


class TestPlainClient:
    async def test_goes_the_whole_way(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        headers = {"Authorization": f"Bearer {BOT_KEY}"}
        async with aiohttp.ClientSession(f"{busy_shop.base_url}/api/v1/", headers=headers) as http:

            async def get(path: str, **query: Any) -> Any:
                async with http.get(path, params=query) as answer:
                    assert answer.status == 200, await answer.text()
                    return await answer.json()

            async def post(path: str, status: int, **body: Any) -> Any:
                async with http.post(path, json=body) as answer:
                    assert answer.status == status, await answer.text()
                    return await answer.json()

            user = await post("users/sync", 200, telegram_id=somebody, username="aziz", first_name="Aziz", language_code="uz")
            assert (await get(f"users/{somebody}/balance"))["user_id"] == user["id"]
            assert (await get(f"users/{somebody}/trial"))["trial_available"] is True
            model = next(item["model"] for item in await get("models") if item["model"]["options"]["supports_size"])
            assert "2048*2048" in await get("sizes")

            form = aiohttp.FormData()
            form.add_field("file", a_picture(), filename="door.png", content_type="image/png")
            async with http.post("media/upload", data=form) as answer:
                assert answer.status == 200, await answer.text()
                reference = (await answer.json())["download_url"]

            order = {"telegram_id": somebody, "model_id": model["id"], "prompt": "the same door, blue", "size": "1024*1024"}
            accepted = await post("generations/submit", 202, **order, reference_urls=[reference])
            refused = await post("generations/submit", 409, **order)
            assert refused["active_request_id"] == accepted["request"]["id"]

            ref = accepted["request"]["id"]
            async with asyncio.timeout(20):
                while (await get("generations/active", telegram_id=somebody))["has_active"]:
                    await post(f"generations/{ref}/refresh", 200, telegram_id=somebody)
            assert (await get(f"generations/{ref}", telegram_id=somebody))["status"] == "completed"
            urls = await get(f"generations/{ref}/results", telegram_id=somebody)

        async with aiohttp.ClientSession() as world, world.get(urls[0]) as picture:
            assert picture.content_type.startswith("image/")
        await busy_shop.check_books()
