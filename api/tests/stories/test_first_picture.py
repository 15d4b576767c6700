"""From an order to a picture, through API, queue, worker and provider."""

from tests.factories import Shop, new_telegram_id


class TestFirstPicture:
    async def test_a_new_user_gets_a_free_picture(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        generation = await busy_shop.order(somebody, size="1024*1536")

        seen = await busy_shop.follow(generation, somebody)

        assert seen["status"] == "completed"
        assert (seen["cost"], seen["trial_used"]) == (0, True)
        await busy_shop.check_books()

    async def test_a_credit_is_captured_when_there_is_a_picture(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(5)
        generation = await busy_shop.order(somebody)

        seen = await busy_shop.follow(generation, somebody)

        assert (seen["status"], seen["cost"]) == ("completed", 1)
        assert await busy_shop.balance(somebody) == (4, 0)
        await busy_shop.check_books()

    async def test_a_failed_picture_costs_nothing(self, busy_shop: Shop) -> None:
        somebody = await busy_shop.rich_user(5)
        generation = await busy_shop.order(somebody, prompt="bad [sim:fail=1200]")

        seen = await busy_shop.follow(generation, somebody)

        assert (seen["status"], seen["error_code"]) == ("failed", "content_refused")
        assert await busy_shop.balance(somebody) == (5, 0)
        await busy_shop.check_books()
