"""The public catalogue and how an operator changes it."""

import asyncio

import pytest

from app.core import model_options
from app.deps import catalogue as deps
from app.deps.catalogue import OnSale
from app.domain.catalogue import service as catalogue
from app.domain.catalogue.errors import ModelNotFoundError
from app.resources import Resources
from tests import running
from tests.factories import Shop, changed, new_telegram_id, open_shop


class TestModels:
    async def test_is_not_sent_again_to_who_has_it(self, shop: Shop) -> None:
        first = await shop.http.get("/models")

        again = await shop.http.get("/models", headers={"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]

    async def test_is_sent_to_who_has_an_older_one(self, shop: Shop) -> None:
        answer = await shop.http.get("/models", headers={"If-None-Match": '"old", W/"older"'})

        assert [item["model"]["key"] for item in answer.json()] == ["seedream-v4", "nano-banana", "nano-banana-pro"]

    async def test_is_told_to_each_asker_with_that_askers_own_headers(self, shop: Shop) -> None:
        limited = changed(shop.settings, cors_origins="https://a.example", rate_limit_enabled=True)
        async with open_shop(limited, shop.simulator) as open_to_one:
            answers = [
                await open_to_one.http.get("/models", headers=headers)
                for headers in ({"Origin": "https://a.example", "X-Request-ID": "page"}, {"X-Request-ID": "bot"}, {})
            ]

        assert [answer.headers.get("Access-Control-Allow-Origin") for answer in answers] == ["https://a.example", None, None]
        assert [answer.headers["X-Request-ID"] for answer in answers[:2]] == ["page", "bot"]
        for name in ("X-Request-ID", "RateLimit", "ETag", "Content-Length", "Content-Type", "Cache-Control", "Vary"):
            assert [len(answer.headers.get_list(name)) for answer in answers] == [1, 1, 1], name
        assert len({answer.content for answer in answers}) == 1

    async def test_is_read_by_one_of_a_crowd_while_the_others_get_the_last_one(
        self, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        on_sale, began = OnSale(), asyncio.Event()
        first = await on_sale.read(resources)
        assert on_sale.recall() is first
        monkeypatch.setattr(deps, "FRESH_S", 0.0)

        assert on_sale.recall() is None
        reading = asyncio.ensure_future(on_sale.read(resources))
        asyncio.get_running_loop().call_soon(began.set)
        await began.wait()

        assert on_sale.recall() is first
        monkeypatch.setattr(deps, "STALE_S", 0.0)
        assert on_sale.recall() is None
        assert await reading is not first


class TestOperator:
    async def test_a_new_price_shows_in_all_processes_and_the_old_one_stays_as_history(self, shop: Shop) -> None:
        async with running.api(shop.settings) as other:
            before = await shop.http.get("/models")
            async with shop.resources.transaction() as session:
                await catalogue.set_price(session, "nano-banana", 3)
            async with asyncio.timeout(5):
                for base_url in (shop.base_url, other):
                    while (await shop.http.get(f"{base_url}/api/v1/models")).headers["ETag"] == before.headers["ETag"]:
                        await asyncio.sleep(0.1)
            shown = {item["model"]["key"]: item["prices"] for item in (await shop.http.get("/models")).json()}

        assert [price["unit_price"] for price in shown["nano-banana"]] == [3]
        assert await shop.eyes.fetch("SELECT unit_price, is_active FROM model_prices WHERE model_id = 2 ORDER BY id") == [
            (1, False),
            (3, True),
        ]

    @pytest.mark.case(22)
    async def test_a_price_above_what_the_client_saw_is_refused_with_the_new_one(self, shop: Shop) -> None:
        somebody = await shop.rich_user(10)
        async with shop.resources.transaction() as session:
            await catalogue.set_price(session, "seedream-v4", 4)

        refused = await shop.submit(somebody, max_price=1)
        accepted = await shop.submit(somebody, max_price=4)

        assert (refused.status_code, refused.json()["code"], refused.json()["price"]) == (409, "price_changed", 4)
        assert (accepted.status_code, accepted.json()["request"]["cost"]) == (202, 4)

    async def test_a_model_off_sale_cannot_be_ordered(self, shop: Shop) -> None:
        async with shop.resources.transaction() as session:
            await catalogue.set_active(session, "seedream-v4", is_active=False)

        refused = await shop.submit(new_telegram_id())

        assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")

    async def test_says_so_when_there_is_no_such_model(self, shop: Shop) -> None:
        with pytest.raises(ModelNotFoundError):
            async with shop.resources.transaction() as session:
                await catalogue.set_price(session, "mona-lisa", 4)


class TestANewModel:
    async def test_takes_one_entry_and_one_row(self, busy_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        options = model_options.MODEL_OPTIONS["seedream-v4"]
        monkeypatch.setitem(model_options.MODEL_OPTIONS, "seedream-v9", options)
        model_id = await busy_shop.eyes.fetchval(
            "INSERT INTO model_catalog (key, name, provider, supports_text_to_image, supports_image_to_image)"
            " VALUES ('seedream-v9', 'Seedream v9', 'wavespeed', true, true) RETURNING id"
        )
        await busy_shop.eyes.execute("INSERT INTO model_prices (model_id, unit_price) VALUES ($1, 2)", model_id)
        somebody = await busy_shop.rich_user(2)

        seen = await busy_shop.follow(await busy_shop.order(somebody, model_id=model_id, size="1024*1024"), somebody)

        assert (seen["status"], seen["model_key"], seen["cost"]) == ("completed", "seedream-v9", 2)
