"""The bot as people use it: the first picture, pictures from pictures, a second tap, another language, what goes wrong."""

import pytest

from tests.pictures import a_picture
from tests.seen import buttons, has, is_file, is_picture, labels, says
from tests.telegram_shop import Phone, TelegramShop


class TestFirstPicture:
    async def test_is_free_and_comes_as_preview_and_file(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.phone("uz")
        await phone.writes("/start ref_42")
        welcome = await phone.waits_for(says("Assalomu alaykum, Aziza", "sovgʻa"))  # noqa: RUF001 - Uzbek
        menu = await phone.asks("tongdagi <Registon> & akvarel", after=welcome["message_id"])
        assert "✨ Chizish · bepul" in labels(menu)

        assert (await phone.taps(menu, "menu|go"))["text"] == "✅ Qabul qilindi"

        picture = await phone.waits_for(is_picture)
        file = await phone.waits_for(is_file)
        status = await phone.waits_for(says("✅ Tayyor"))
        (generation,) = await telegram_shop.generations(phone)
        assert status["message_id"] == menu["message_id"]
        assert says("#seedream_v4", "tongdagi <Registon> & akvarel", "bepul")(picture)
        assert [each["type"] for each in picture["entities"]] == ["hashtag", "expandable_blockquote"]
        assert picture["reply_to"] == file["reply_to"] == generation["client_context"]["prompt_message_id"]
        assert file["document"]["file_size"] > 0
        assert generation["client_context"]["start"] == "ref_42"
        assert (generation["cost"], generation["trial_used"]) == (0, True)

    async def test_can_be_sent_again_changed_and_repeated(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer(5)
        await phone.orders("a cat on a roof")
        picture = await phone.waits_for(is_picture)
        await phone.waits_for(is_file)

        await phone.writes("/history")
        history = await phone.waits_for(says("a cat on a roof", "Your last pictures"))
        await phone.taps(history, "pic:send")
        again = await phone.waits_for(is_picture, after=history["message_id"])
        assert again["photo"] == picture["photo"]
        assert await telegram_shop.api.balance(phone.id) == (4, 0)

        await phone.taps(picture, "pic:edit")
        asked = await phone.waits_for(says("What shall I change"))
        menu = await phone.asks("at night", after=asked["message_id"])
        await phone.taps(menu, "menu|go")
        changed = await phone.waits_for(is_picture, after=menu["message_id"])
        newest, _ = await telegram_shop.generations(phone)
        assert newest["references_count"] == 1

        await phone.taps(changed, "pic:again")
        await phone.waits_for(is_picture, after=changed["message_id"] + 1)
        assert [each["prompt"] for each in await telegram_shop.generations(phone)] == ["at night", "at night", "a cat on a roof"]
        assert await telegram_shop.api.balance(phone.id) == (2, 0)


class TestReferences:
    @pytest.mark.parametrize("as_files", [False, True])
    async def test_of_an_album_become_one_order(self, telegram_shop: TelegramShop, *, as_files: bool) -> None:
        phone = await telegram_shop.customer()
        album = [a_picture("PNG", 64 + each, 48) for each in range(3)]

        await phone.sends(*album, caption="put them together", as_files=as_files)
        menu = await phone.waits_for(says("from 3 photos", "put them together"))
        await phone.taps(menu, "menu|go")
        await phone.waits_for(is_picture)

        (generation,) = await telegram_shop.generations(phone)
        assert generation["references_count"] == 3
        assert len(set(generation["input_params"]["reference_file_ids"])) == 3

    async def test_may_come_before_the_words(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        await phone.sends(a_picture())
        asked = await phone.waits_for(says("1 picture is here"))
        await phone.sends(a_picture("JPEG"))
        asked = await phone.waits_for(says("2 pictures are here"), after=asked["message_id"])
        menu = await phone.asks("make it warm", after=asked["message_id"])
        assert says("from 2 photos")(menu)

    async def test_that_are_no_pictures_are_named(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        await phone.sends(b"not a picture", caption="draw it", as_files=True)
        await phone.waits_for(says("1 file did not fit"))


class TestMenu:
    async def test_offers_exactly_what_the_model_has(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        catalogue = (await telegram_shop.api.http.get("/models")).json()
        menu = await phone.asks("a red door")
        await phone.taps(menu, "menu|model|")
        models = await phone.message(menu)
        assert labels(models)[:-1] == [item["model"]["name"] for item in catalogue]

        for item in catalogue:
            if item is not catalogue[0]:
                await phone.taps(await phone.message(menu), "menu|model|")
            await phone.taps(await phone.message(menu), f"menu|model|{item['model']['id']}")
            shown = await phone.message(menu)
            options = item["model"]["options"]
            offered = [name for name in ("size", "aspect_ratio", "resolution") if options[f"{name}_options"]]
            assert [each for each in ("size", "aspect_ratio", "resolution") if f"menu|{each}|" in buttons(shown)] == offered
            for name in offered:
                await phone.taps(shown, f"menu|{name}|")
                values = await phone.message(menu)
                assert labels(values)[1:-1] == options[f"{name}_options"]
                await phone.taps(values, f"menu|{name}|{options[f'{name}_options'][-1]}")
                shown = await phone.message(menu)

        await phone.taps(shown, "menu|go")
        await phone.waits_for(is_picture)
        (generation,) = await telegram_shop.generations(phone)
        assert (generation["model_key"], generation["aspect_ratio"], generation["resolution"]) == ("nano-banana-pro", "21:9", "4k")

    async def test_begins_with_what_somebody_prefers(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        await phone.writes("/settings")
        settings = await phone.waits_for(has("set|model"))
        await phone.taps(settings, "set|model|")
        await phone.taps(await phone.message(settings), "set|model|2")
        await phone.taps(await phone.message(settings), "set|aspect_ratio|")
        await phone.taps(await phone.message(settings), "set|aspect_ratio|16:9")
        menu = await phone.asks("a red door")
        assert {"Model: Nano Banana", "Aspect ratio: 16:9"} <= set(labels(menu))

    async def test_takes_the_price_that_it_shows(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        menu = await phone.asks("a red door")
        await phone.taps(menu, "menu|model|")
        await phone.taps(await phone.message(menu), "menu|model|2")
        await telegram_shop.set_price("nano-banana", 2)
        try:
            refused = await phone.taps(menu, "menu|go")
            assert says("The price has changed, in credits: 2")({"text": refused["text"], "caption": None})
            assert "✨ Draw · 2 credits" in labels(await phone.message(menu))
            assert await telegram_shop.generations(phone) == []
            await phone.taps(menu, "menu|go")
            await phone.waits_for(is_picture)
            assert await telegram_shop.api.balance(phone.id) == (8, 0)
        finally:
            await telegram_shop.set_price("nano-banana", 1)


class TestSecondTap:
    async def test_is_the_same_order(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        menu = await phone.asks("a red door")

        answers = await phone.taps_together(menu, "menu|go", times=5)

        await phone.waits_for(is_picture)
        await phone.waits_for(is_file)
        assert all(each["answered"] for each in answers)
        assert len(await telegram_shop.generations(phone)) == 1
        assert await telegram_shop.api.balance(phone.id) == (9, 0)
        assert len(await telegram_shop.calls("sendDocument", phone.id)) == 1

    async def test_after_the_picture_says_that_it_was_accepted(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        menu = await phone.orders()
        await phone.waits_for(is_picture)
        late = await phone.taps_together(menu, "menu|go", times=1)
        assert late[0]["text"] == "✅ Accepted"
        assert len(await telegram_shop.generations(phone)) == 1

    async def test_is_not_charged_for_a_button_that_says_free(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.phone()
        await telegram_shop.grant(phone.id, 3)
        menu = await phone.asks("a red door")
        # The free picture goes elsewhere, as in a Mini App beside the chat.
        elsewhere = await telegram_shop.api.order(phone.id)
        await telegram_shop.api.follow(elsewhere, phone.id)
        told = await phone.taps(menu, "menu|go")
        assert "The free picture has been used" in told["text"]
        assert "✨ Draw · 1 credit" in labels(await phone.message(menu))
        assert await telegram_shop.api.balance(phone.id) == (3, 0)

    async def test_while_another_picture_is_drawn_shows_that_one(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        await telegram_shop.slow_provider(3)
        first = await phone.orders("the first")
        second = await phone.asks("the second")

        refused = await phone.taps(second, "menu|go")

        assert "One picture at a time" in refused["text"]
        shown = await phone.waits_for(says("the first"), after=second["message_id"])
        assert shown["reply_to"] == first["message_id"]
        await phone.waits_for(is_picture)
        assert len(await telegram_shop.generations(phone)) == 1


class TestLanguage:
    async def test_switched_while_it_is_drawn_is_that_of_the_picture(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer(language="en")
        await telegram_shop.slow_provider(2)
        menu = await phone.orders("a red door")
        await phone.waits_for(says("Drawing"))

        await phone.writes("/settings")
        settings = await phone.waits_for(has("set|language|ru"))
        await phone.taps(settings, "set|language|ru")

        picture = await phone.waits_for(is_picture)
        assert says("1 кредит")(picture)
        status = await phone.waits_for(says("Готово за"))
        assert status["message_id"] == menu["message_id"]


class TestTrouble:
    async def test_of_the_provider_is_told_and_costs_nothing(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer(3, "ru")
        await phone.orders("плохо [sim:fail=1200]")

        told = await phone.waits_for(says("Кредиты не списаны"))

        assert says("сервис счёл описание недопустимым")(told)
        assert has("pic:again")(told)
        await phone.waits_for(says("❌ Не получилось"))  # noqa: RUF001 - Russian
        assert await telegram_shop.api.balance(phone.id) == (3, 0)

    async def test_without_credits_offers_to_buy(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer(1)
        await telegram_shop.grant(phone.id, -1)
        refused = await phone.taps(await phone.asks("a red door"), "menu|go")
        assert "Nothing was charged" in refused["text"]
        await phone.waits_for(has("open:buy"))
        assert await telegram_shop.generations(phone) == []

    async def test_of_a_banned_person_is_said(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.customer()
        answer = await telegram_shop.api.http.post(f"/admin/users/{phone.id}/ban", json={"reason": "test"})
        assert answer.status_code == 200
        await phone.writes("a red door")
        await phone.waits_for(says("The shop is closed to you"))
        await phone.writes("/paysupport")
        await phone.waits_for(says("Help with a payment"))

    async def test_of_too_many_messages_is_told_once(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.phone()
        for _ in range(26):
            await phone.writes("/terms")
        await phone.waits_for(says("A little slower"))
        await phone.writes("/terms")
        assert len([each for each in await phone.sees() if says("A little slower")(each)]) == 1


class TestGroups:
    async def test_hear_only_answers_to_commands(self, telegram_shop: TelegramShop) -> None:
        phone = await telegram_shop.phone()
        group = {"id": -700_001, "type": "group"}
        await phone.writes("draw me a door", chat=group)
        await phone.writes("/start@other_bot", chat=group)
        await phone.writes("/start", chat=group)
        told = await Phone(telegram_shop, -700_001).waits_for(says("private chats"))
        assert [told["message_id"]] == [each["message_id"] for each in await Phone(telegram_shop, -700_001).sees()]
