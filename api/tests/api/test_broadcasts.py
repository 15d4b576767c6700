"""Broadcasts: everybody they are for is handed out at most once, whoever dies or repeats himself."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.factories import Shop, new_telegram_id


async def people(shop: Shop, count: int) -> list[int]:
    """So many users, and nobody else."""
    ids = [new_telegram_id() for _ in range(count)]
    await shop.eyes.execute("INSERT INTO users (telegram_id) SELECT unnest($1::bigint[])", ids)
    return ids


async def create(shop: Shop, *, key: str = "key", **more: Any) -> httpx2.Response:
    body = {"text": "We have a new model.", **more}
    return await shop.http.post("/admin/broadcasts", json=body, headers={"Idempotency-Key": key})


async def created(shop: Shop, **more: Any) -> str:
    answer = await create(shop, **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def post(shop: Shop, broadcast: str, verb: str, **body: Any) -> dict[str, Any]:
    answer = await shop.http.post(f"/admin/broadcasts/{broadcast}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def report(shop: Shop, broadcast: str, claim: dict[str, Any], state: str, only: int | None = None) -> dict[str, Any]:
    items = [{"telegram_id": telegram_id, "state": state} for telegram_id in claim["items"][:only]]
    return await post(shop, broadcast, "report", claim=claim["claim"], items=items)


class TestCreate:
    async def test_is_for_everybody_of_that_moment_who_is_not_banned(self, shop: Shop) -> None:
        here = await people(shop, 3)
        await shop.ban(here[0])
        answer = await create(shop, actor_telegram_id=77)
        await people(shop, 2)

        assert (answer.json()["total"], answer.json()["state"]) == (2, "running")
        assert sorted((await post(shop, answer.json()["id"], "claim", limit=10))["items"]) == here[1:]
        assert await shop.eyes.fetchval("SELECT actor FROM broadcasts") == "telegram:77"

    async def test_is_for_who_chose_the_language_or_has_it_in_telegram(self, shop: Shop) -> None:
        chose, speaks, speaks_there, left, silent = await people(shop, 5)
        for telegram_id, language in ((speaks, "uz"), (speaks_there, "uz-UZ"), (left, "uz"), (chose, "en")):
            await shop.http.post("/users/sync", json={"telegram_id": telegram_id, "language_code": language})
        await shop.http.put(f"/users/{chose}/preferences", json={"language": "uz"})
        await shop.http.put(f"/users/{left}/preferences", json={"language": "ru"})
        await shop.http.put(f"/users/{silent}/preferences", json={"model_id": 1})
        broadcast = await created(shop, language_code="uz")

        assert sorted((await post(shop, broadcast, "claim", limit=10))["items"]) == sorted([chose, speaks, speaks_there])

    async def test_happens_once_with_one_key(self, shop: Shop) -> None:
        await people(shop, 1)
        first, again, other = await create(shop), await create(shop), await create(shop, text="another text")

        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
        assert await shop.eyes.fetchval("SELECT count(*) FROM broadcasts") == 1
        await shop.check_books()

    async def test_for_nobody_is_done(self, shop: Shop) -> None:
        assert (await create(shop)).json()["state"] == "done"

    @pytest.mark.parametrize("text", ["", "   ", "a" * 4097, "🖼" * 2049])
    async def test_refuses_a_text_that_telegram_would_refuse(self, shop: Shop, text: str) -> None:
        assert (await create(shop, text=text)).status_code == 422


class TestClaim:
    async def test_hands_out_each_recipient_once(self, shop: Shop) -> None:
        here = await people(shop, 5)
        broadcast = await created(shop)
        claims = [await post(shop, broadcast, "claim", limit=2) for _ in range(4)]

        assert [len(claim["items"]) for claim in claims] == [2, 2, 1, 0]
        assert sorted(telegram_id for claim in claims for telegram_id in claim["items"]) == here
        assert {claim["state"] for claim in claims} == {"running"}

    async def test_of_an_unknown_one_is_refused(self, shop: Shop) -> None:
        answer = await shop.http.post("/admin/broadcasts/0199d5a0-0000-7000-8000-000000000000/claim", json={"limit": 1})

        assert (answer.status_code, answer.json()["code"]) == (404, "broadcast_not_found")

    async def test_whose_bot_died_hands_nobody_out_again_and_ends(self, shop: Shop) -> None:
        await people(shop, 3)
        broadcast = await created(shop)
        await post(shop, broadcast, "claim", limit=2)
        rest = await post(shop, broadcast, "claim", limit=2)
        await report(shop, broadcast, rest, "sent")
        waits = await post(shop, broadcast, "claim", limit=2)
        await shop.eyes.execute("UPDATE broadcast_recipients SET claimed_at = claimed_at - interval '6 minutes'")
        over = await post(shop, broadcast, "claim", limit=2)

        assert (waits["state"], waits["items"]) == ("running", [])
        assert (over["state"], over["items"]) == ("done", [])
        seen = (await shop.http.get(f"/admin/broadcasts/{broadcast}")).json()
        assert (seen["sent"], seen["failed"], seen["total"]) == (1, 2, 3)


class TestReport:
    async def test_counts_and_ends_it(self, shop: Shop) -> None:
        await people(shop, 3)
        broadcast = await created(shop)
        for state in ("sent", "failed", "blocked"):
            seen = await report(shop, broadcast, await post(shop, broadcast, "claim", limit=1), state)

        assert [seen[name] for name in ("total", "sent", "failed", "blocked")] == [3, 1, 1, 1]
        assert seen["state"] == "done"

    async def test_said_twice_is_said_once(self, shop: Shop) -> None:
        await people(shop, 2)
        broadcast = await created(shop)
        claim = await post(shop, broadcast, "claim", limit=1)
        for state in ("sent", "sent", "failed", "returned"):
            seen = await report(shop, broadcast, claim, state)

        assert [seen[name] for name in ("sent", "failed", "blocked", "state")] == [1, 0, 0, "running"]

    async def test_of_one_who_was_returned_makes_them_due_again(self, shop: Shop) -> None:
        (somebody,) = await people(shop, 1)
        broadcast = await created(shop)
        await report(shop, broadcast, await post(shop, broadcast, "claim", limit=1), "returned")

        assert (await post(shop, broadcast, "claim", limit=1))["items"] == [somebody]

    async def test_returned_again_by_an_older_claim_frees_nobody(self, shop: Shop) -> None:
        await people(shop, 1)
        broadcast = await created(shop)
        first = await post(shop, broadcast, "claim", limit=1)
        await report(shop, broadcast, first, "returned")
        second = await post(shop, broadcast, "claim", limit=1)
        await report(shop, broadcast, first, "returned")

        assert (await post(shop, broadcast, "claim", limit=1))["items"] == []
        assert (await report(shop, broadcast, second, "sent"))["sent"] == 1

    async def test_of_somebody_who_was_not_handed_out_changes_nothing(self, shop: Shop) -> None:
        _, stranger = await people(shop, 2)
        broadcast = await created(shop)
        claim = await post(shop, broadcast, "claim", limit=1)
        seen = await report(shop, broadcast, {**claim, "items": [stranger]}, "sent")

        assert (seen["sent"], seen["state"]) == (0, "running")


class TestStop:
    async def test_hands_out_nobody_any_more_and_still_takes_reports(self, shop: Shop) -> None:
        await people(shop, 3)
        broadcast = await created(shop)
        claim = await post(shop, broadcast, "claim", limit=1)
        stopped = [await post(shop, broadcast, "stop") for _ in range(2)]
        nobody = await post(shop, broadcast, "claim", limit=10)
        seen = await report(shop, broadcast, claim, "sent")

        assert [each["state"] for each in stopped] == ["stopped", "stopped"]
        assert (nobody["items"], nobody["state"]) == ([], "stopped")
        assert (seen["sent"], seen["state"]) == (1, "stopped")


class TestList:
    async def test_shows_what_a_bot_goes_on_with(self, shop: Shop) -> None:
        await people(shop, 1)
        ids = [await created(shop, key=str(number)) for number in range(3)]
        await post(shop, ids[1], "stop")
        found = (await shop.http.get("/admin/broadcasts", params={"state": "running"})).json()
        page = (await shop.http.get("/admin/broadcasts", params={"limit": 2})).json()
        rest = (await shop.http.get("/admin/broadcasts", params={"cursor": page["next_cursor"]})).json()

        assert [each["id"] for each in found["items"]] == [ids[2], ids[0]]
        assert [each["id"] for each in page["items"] + rest["items"]] == ids[::-1]


class TestManyAtOnce:
    async def test_hand_out_every_recipient_once(self, shop: Shop) -> None:
        here = await people(shop, 60)
        broadcast = await created(shop)
        claims = await asyncio.gather(*(post(shop, broadcast, "claim", limit=4) for _ in range(20)))
        handed = Counter(telegram_id for claim in claims for telegram_id in claim["items"])
        seen = await asyncio.gather(*(report(shop, broadcast, claim, "sent") for claim in claims if claim["items"]))

        assert handed == Counter(here)
        assert max(each["sent"] for each in seen) == 60
        assert (await shop.http.get(f"/admin/broadcasts/{broadcast}")).json()["state"] == "done"
