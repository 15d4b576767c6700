"""Two API processes' worth and two workers on one database: it does not matter which one a client talks to."""

import asyncio
from collections import Counter

import httpx2

from tests import running
from tests.factories import NO_TLS, Shop


class TestTwoOfEverything:
    async def test_submit_to_one_follow_at_the_other_cancel_at_either(self, shop: Shop) -> None:
        people = [await shop.rich_user(2) for _ in range(12)]
        async with (
            running.api(shop.settings) as other_url,
            httpx2.AsyncClient(base_url=f"{other_url}/api/v1", headers=shop.http.headers, timeout=30, verify=NO_TLS) as other,
        ):
            orders = [await shop.order(person, prompt=f"for {person}") for person in people]
            cancelled = await other.post(f"/generations/{orders[0]['id']}/cancel", json={"telegram_id": people[0]})
            again = await shop.http.post(f"/generations/{orders[0]['id']}/cancel", json={"telegram_id": people[0]})

            async def follow(number: int) -> list[str]:
                path = f"/generations/{orders[number]['id']}/events"
                async with other.stream("GET", path, params={"telegram_id": people[number]}) as stream:
                    return [line async for line in stream.aiter_lines() if '"status":' in line]

            async with running.worker(shop.settings), running.worker(shop.settings):
                seen = await asyncio.gather(*(follow(number) for number in range(1, 12)))

        assert (cancelled.json()["status"], again.json()["status"]) == ("cancelled", "cancelled")
        assert all('"status":"completed"' in changes[-1] for changes in seen)
        sent = Counter(entry["body"]["prompt"] for entry in await shop.submits_seen())
        assert sent == Counter({f"for {person}": 1 for person in people[1:]})
        await shop.check_books()
