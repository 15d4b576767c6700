"""The longest files come first, and what the order names is there."""

from pathlib import Path

import pytest

from tests.order import LONGEST, SHOP, piece_of

ROOT = Path(__file__).parents[2]


class TestOrder:
    @pytest.mark.parametrize("piece", LONGEST)
    def test_names_what_is_there(self, piece: str) -> None:
        assert list(ROOT.glob(f"{piece}*"))

    def test_leaves_all_stories_of_the_shop_to_one_worker(self) -> None:
        stories = sorted((ROOT / SHOP).parent.glob("test_bot_*.py"))
        assert len(stories) > 1
        assert {piece_of(f"{story.relative_to(ROOT)}::TestIt::test_is") for story in stories} == {SHOP}
