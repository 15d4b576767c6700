"""How far each reader of the feed is, kept for it by the API."""

import pytest

from tests.factories import Shop


class TestCursors:
    async def test_are_unknown_until_they_are_moved(self, shop: Shop) -> None:
        assert (await shop.http.get("/feed-cursors/bot-1")).json() == {"name": "bot-1", "last_event_id": None}

    async def test_never_move_backwards(self, shop: Shop) -> None:
        said = [(await shop.http.put("/feed-cursors/bot", json={"last_event_id": at})).json() for at in (5, 9, 7)]

        assert [each["last_event_id"] for each in said] == [5, 9, 9]
        assert (await shop.http.get("/feed-cursors/bot")).json()["last_event_id"] == 9
        assert (await shop.http.get("/feed-cursors/other")).json()["last_event_id"] is None

    @pytest.mark.parametrize("name", ["Bot", "b" * 33, "a_b"])
    async def test_have_plain_names(self, shop: Shop, name: str) -> None:
        assert (await shop.http.put(f"/feed-cursors/{name}", json={"last_event_id": 1})).status_code == 422
