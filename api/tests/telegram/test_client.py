"""Telegram's Bot API as it answers: pages of transactions, refunds, and what each failure says."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.embedded import ports
from app.telegram.client import TelegramClient
from app.telegram.errors import BusyError, RefusedError, TelegramError, UnknownError
from app.telegram.stars import PAGE_SIZE, StarTransaction, read_transactions
from tests.credentials import BOT_TOKEN, OTHER_BOT_TOKEN
from tests.factories import new_telegram_id
from tests.telegram_side import TelegramSide

USER = {"type": "user", "user": {"id": 7}}


@pytest.fixture
async def client(telegram: TelegramSide) -> AsyncIterator[TelegramClient]:
    async with TelegramClient(telegram.url, BOT_TOKEN) as client:
        yield client


def an_order(**other: Any) -> dict[str, Any]:
    return {"id": "an-order", "telegram_id": new_telegram_id(), "price_stars": 50, **other}


class TestListStarTransactions:
    async def test_goes_through_pages_from_the_oldest_on(self, client: TelegramClient, telegram: TelegramSide) -> None:
        order = an_order()
        charge_ids = [await telegram.take(order) for _ in range(PAGE_SIZE + 1)]

        first, second = [await client.list_star_transactions(offset=offset) for offset in (0, PAGE_SIZE)]

        assert [each.id for each in first + second] == charge_ids
        assert second == [StarTransaction(charge_ids[-1], 50, order["telegram_id"], "an-order", is_refund=False)]

    async def test_tells_payments_from_refunds(self, client: TelegramClient, telegram: TelegramSide) -> None:
        charge_id = await telegram.take(an_order())
        await telegram.give_back(charge_id)

        listed = await client.list_star_transactions(offset=0)

        assert [(each.id, each.is_refund) for each in listed] == [(charge_id, False), (charge_id, True)]


class TestRefund:
    async def test_gives_the_stars_back_and_again_counts_as_done(self, client: TelegramClient, telegram: TelegramSide) -> None:
        order = an_order()
        charge_id = await telegram.take(order)

        for _ in range(2):
            await client.refund_star_payment(order["telegram_id"], charge_id)

        assert telegram.refunds() == [charge_id]

    async def test_of_an_unknown_payment_is_refused_for_its_own_sake(self, client: TelegramClient, telegram: TelegramSide) -> None:
        order = an_order()
        await telegram.take(order)

        with pytest.raises(RefusedError) as refused:
            await client.refund_star_payment(order["telegram_id"], "stx-nobody")
        assert refused.value.is_about_charge


class TestFailures:
    @pytest.mark.parametrize(
        ("kind", "error"),
        [("429", BusyError), ("403", RefusedError), ("500", UnknownError), ("502", UnknownError), ("cut_after", UnknownError)],
    )
    async def test_say_what_is_known(
        self, client: TelegramClient, telegram: TelegramSide, kind: str, error: type[TelegramError]
    ) -> None:
        order = an_order()
        charge_id = await telegram.take(order)
        await telegram.fault(kind)

        with pytest.raises(error) as failed:
            await client.refund_star_payment(order["telegram_id"], charge_id)
        assert BOT_TOKEN not in failed.value.reason

    async def test_of_what_is_no_http_tell_nobody_the_token(self) -> None:
        async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 two hundred\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            async with TelegramClient(f"http://127.0.0.1:{address[1]}", BOT_TOKEN) as client:
                with pytest.raises(UnknownError) as failed:
                    await client.refund_star_payment(1, "stx-1")
        assert BOT_TOKEN not in "".join(traceback.format_exception(failed.value))

    async def test_of_another_bots_token_is_a_refusal_that_tells_nothing_of_the_payment(self, telegram: TelegramSide) -> None:
        async with TelegramClient(telegram.url, OTHER_BOT_TOKEN) as stranger:
            with pytest.raises(RefusedError) as refused:
                await stranger.refund_star_payment(1, "stx-1")
        assert not refused.value.is_about_charge

    async def test_of_a_telegram_that_is_not_there_sends_nothing(self) -> None:
        (port,) = ports.free_ports(1)
        async with TelegramClient(f"http://127.0.0.1:{port}", BOT_TOKEN) as client:
            with pytest.raises(BusyError) as busy:
                await client.list_star_transactions(offset=0)
        assert BOT_TOKEN not in busy.value.reason


class TestReadTransactions:
    def test_counts_what_is_about_no_payment(self) -> None:
        listed = [
            {"id": "gift", "amount": 5, "source": USER | {"transaction_type": "gift_purchase"}},
            {"id": "withdrawal", "amount": 900, "receiver": {"type": "fragment"}},
            {"id": "advertisement", "amount": 3, "receiver": {"type": "telegram_ads"}},
        ]

        read = read_transactions({"transactions": listed})

        assert [(each.id, each.telegram_id, each.payload, each.is_refund) for each in read] == [
            ("gift", 7, None, False),
            ("withdrawal", None, None, False),
            ("advertisement", None, None, False),
        ]

    @pytest.mark.parametrize(
        "answer",
        [None, [], {}, {"transactions": None}, {"transactions": [{"id": "x"}]}, {"transactions": [{"id": 1, "amount": 1}]}],
    )
    def test_passes_over_nothing_that_it_cannot_read(self, answer: object) -> None:
        with pytest.raises(ValueError, match="transaction"):
            read_transactions(answer)
