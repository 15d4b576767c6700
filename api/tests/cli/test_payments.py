"""The operator's commands about payments, as real processes."""

from pathlib import Path

import pytest

from app.core.config import Settings
from tests.cli.rassom import Rassom
from tests.cli.test_operators import is_one_sentence
from tests.credentials import BOT_TOKEN
from tests.factories import Shop, changed
from tests.payments import an_order_of_credits, moves
from tests.telegram_side import TelegramSide


@pytest.fixture
def settings(settings: Settings, telegram: TelegramSide) -> Settings:
    return changed(settings, bot_token=BOT_TOKEN, telegram_api_base_url=telegram.url)


@pytest.fixture
def rassom(database_url: str, telegram: TelegramSide, tmp_path: Path) -> Rassom:
    home = {"DATABASE_URL": database_url, "LOG_LEVEL": "error", "RASSOM_HOME": str(tmp_path / "home")}
    return Rassom(tmp_path, home | {"BOT_TOKEN": BOT_TOKEN, "TELEGRAM_API_BASE_URL": telegram.url})


class TestPackages:
    async def test_are_changed_made_and_shown(self, shop: Shop, rassom: Rassom) -> None:
        changed_one = await rassom("packages", "set", "--key", "credits-50", "--credits", "60", "--stars", "200", "--json")
        new = await rassom(
            "packages", "set", "--key", "credits-1", "--credits", "1", "--stars", "9", "--position", "1", "--inactive"
        )
        wrong = await rassom("packages", "set", "--key", "Fifty!", "--credits", "1", "--stars", "1")
        listed = await rassom("packages", "list", "--json")

        assert (changed_one.json["credits"], changed_one.json["price_stars"], changed_one.json["position"]) == (60, 200, 20)
        assert (new.code, wrong.code, is_one_sentence(wrong.complained)) == (0, 1, True)
        assert [(row["credits"], row["is_active"]) for row in listed.json] == [
            (1, False),
            (10, True),
            (60, True),
            (100, True),
            (300, True),
        ]
        on_sale = (await shop.http.get("/payments/packages")).json()
        assert [(row["credits"], row["price_stars"]) for row in on_sale] == [(10, 50), (60, 200), (100, 400), (300, 1050)]


class TestPayments:
    async def test_are_found_shown_and_given_back(self, shop: Shop, rassom: Rassom, telegram: TelegramSide) -> None:
        order = await an_order_of_credits(shop)
        charge_id = await telegram.take(order)
        stray = await telegram.take(order, payload="an invoice of long ago")

        found = await rassom("payments", "reconcile", "--json")
        await shop.grant(order["telegram_id"], -1)
        short = await rassom("payments", "refund", "--charge-id", charge_id, "--reason", "asked for it")
        await shop.grant(order["telegram_id"], 1)
        given_back = await rassom("payments", "refund", "--charge-id", charge_id, "--reason", "asked for it", "--json")
        listed = await rassom("payments", "list", "--json")

        assert (found.code, found.json["credited"], [each["charge_id"] for each in found.json["strays"]]) == (1, 1, [stray])
        assert (short.code, is_one_sentence(short.complained)) == (1, True)
        assert short.complained.startswith("Of the 10 credits 9 are left")
        assert (given_back.code, given_back.json["status"], given_back.json["is_new"]) == (0, "refunded", True)
        assert [(row["charge_id"], row["status"], row["source"], row["refund_reason"]) for row in listed.json] == [
            (charge_id, "refunded", "reconcile", "asked for it")
        ]
        assert telegram.refunds() == [charge_id]
        assert await moves(shop, order["telegram_id"]) == [("topup", 10), ("refund", -10)]
