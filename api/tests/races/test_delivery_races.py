"""Two bots with one delivery, with real commits: one of them has it."""

import asyncio
from collections import Counter

from tests.factories import Shop


class TestOneDelivery:
    async def test_that_another_claim_is_taking_is_neither_waited_for_nor_taken(self, shop: Shop) -> None:
        taken, free = await shop.cancelled(), await shop.cancelled()
        claim = shop.eyes.transaction()
        await claim.start()
        await shop.eyes.execute(
            "UPDATE generation_deliveries SET state = 'sending', epoch = 1, claimable_at = now() + interval '1 minute'"
            " WHERE generation_id = $1",
            taken["id"],
        )
        async with asyncio.timeout(3):
            items = await shop.claim()
        await claim.commit()

        assert [item["generation"]["id"] for item in items] == [free["id"]]

    async def test_is_ended_by_the_claim_that_has_it(self, shop: Shop) -> None:
        path = f"/deliveries/{(await shop.cancelled())['id']}/finish"
        (old,) = await shop.claim()
        await shop.eyes.execute("UPDATE generation_deliveries SET claimable_at = now()")
        (new,) = await shop.claim()
        answers = await asyncio.gather(
            *(shop.http.post(path, json={"epoch": old["epoch"], "state": "postponed"}) for _ in range(5)),
            *(shop.http.post(path, json={"epoch": new["epoch"], "state": "delivered"}) for _ in range(5)),
        )

        assert [answer.status_code for answer in answers] == [409] * 5 + [200] * 5
        assert await shop.eyes.fetchval("SELECT state FROM generation_deliveries") == "delivered"

    async def test_is_sent_twice_at_most_however_many_start_at_once(self, shop: Shop) -> None:
        path = f"/deliveries/{(await shop.cancelled())['id']}/start"
        (item,) = await shop.claim()
        answers = await asyncio.gather(*(shop.http.post(path, json={"epoch": item["epoch"]}) for _ in range(10)))

        assert Counter(answer.json()["may_send"] for answer in answers) == {True: 2, False: 8}

    async def test_whose_lease_is_over_is_taken_or_ended_never_both(self, shop: Shop) -> None:
        for _ in range(5):
            path = f"/deliveries/{(await shop.cancelled())['id']}/finish"
            (old,) = await shop.claim()
            await shop.eyes.execute("UPDATE generation_deliveries SET claimable_at = now()")
            ended, claimed = await asyncio.gather(
                shop.http.post(path, json={"epoch": old["epoch"], "state": "delivered"}), shop.claim()
            )

            assert (ended.status_code, len(claimed)) in {(200, 0), (409, 1)}
            await shop.eyes.execute("UPDATE generation_deliveries SET state = 'blocked', ended_at = now() WHERE ended_at IS NULL")
