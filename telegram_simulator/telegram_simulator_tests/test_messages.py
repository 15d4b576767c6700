"""Sending, editing and deleting messages."""

from typing import Any

import pytest

from telegram_simulator_tests.conftest import Bot, Person

KEYS = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}


class TestSendMessage:
    async def test_answers_with_the_message(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="Salom", reply_markup=KEYS)
        assert sent["from"] == {"id": 424242, "is_bot": True, "first_name": "Rassom", "username": "rassom_bot"}
        assert sent["chat"] == {"id": person.id, "type": "private", "first_name": "Aziza", "username": "aziza"}
        assert (sent["text"], sent["reply_markup"]) == ("Salom", KEYS)

    async def test_reads_html_as_telegram_does(self, bot: Bot, person: Person) -> None:
        text = (
            '  <b>😀 a &lt;b&gt; <i>c</i></b> <a href="https://x.uz/?a=1&amp;b=2">d</a>\n<blockquote expandable>long</blockquote>  '
        )
        sent = await bot.call("sendMessage", chat_id=person.id, text=text, parse_mode="HTML")
        assert sent["text"] == "😀 a <b> c d\nlong"
        assert sent["entities"] == [
            {"offset": 0, "length": 10, "type": "bold"},
            {"offset": 9, "length": 1, "type": "italic"},
            {"offset": 11, "length": 1, "type": "text_link", "url": "https://x.uz/?a=1&b=2"},
            {"offset": 13, "length": 4, "type": "expandable_blockquote"},
        ]

    async def test_finds_hashtags_links_and_commands_by_itself(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="#flux /help https://a.uz, @aziza")
        assert [entity["type"] for entity in sent["entities"]] == ["hashtag", "bot_command", "url", "mention"]

    async def test_takes_entities_in_place_of_a_parse_mode(self, bot: Bot, person: Person) -> None:
        bold = [{"type": "bold", "offset": 0, "length": 5}]
        assert (await bot.call("sendMessage", chat_id=person.id, text="Salom", entities=bold))["entities"] == bold

    async def test_counts_the_text_after_its_entities(self, bot: Bot, person: Person) -> None:
        text = "<b>" + "x" * 4096 + "</b>"
        assert len((await bot.call("sendMessage", chat_id=person.id, text=text, parse_mode="HTML"))["text"]) == 4096

    @pytest.mark.parametrize(
        ("params", "description"),
        [
            ({"text": ""}, "message text is empty"),
            ({"text": " \n "}, "text must be non-empty"),
            ({"text": "x" * 4097}, "message is too long"),
            ({"text": "x", "chat_id": ""}, "chat_id is empty"),
            ({"text": "x", "chat_id": 1}, "chat not found"),
            ({"text": "x", "chat_id": "nobody"}, "chat not found"),
            ({"text": "x", "chat_id": "--5"}, "chat not found"),
            ({"text": "x", "entities": '[{"type": "\\ud83d"}]'}, "strings must be encoded in UTF-8"),
            ({"text": "x", "reply_parameters": {"message_id": "that"}}, "invalid message_id specified"),
            ({"text": "<b>x", "parse_mode": "HTML"}, "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
            ({"text": "é<div>x", "parse_mode": "html"}, 'can\'t parse entities: Unsupported start tag "div" at byte offset 2'),
            ({"text": "x</b>", "parse_mode": "HTML"}, "can't parse entities: Unexpected end tag at byte offset 1"),
            (
                {"text": "<b>x</i>", "parse_mode": "HTML"},
                'can\'t parse entities: Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
            ),
            ({"text": "a < b", "parse_mode": "HTML"}, 'can\'t parse entities: Unsupported start tag "" at byte offset 2'),
            ({"text": "a <", "parse_mode": "HTML"}, "can't parse entities: Unclosed start tag at byte offset 2"),
            (
                {"text": "x", "entities": [{"type": "bold", "offset": 0, "length": 2}]},
                "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 2",
            ),
            ({"text": "x", "parse_mode": "BBCode"}, "unsupported parse_mode"),
            ({"text": "x", "reply_parameters": {"message_id": 999_999}}, "message to be replied not found"),
            (
                {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "x" * 65}]]}},
                "BUTTON_DATA_INVALID",
            ),
            (
                {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "x"}]]}},
                "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            ),
            ({"text": "x", "reply_markup": "[]"}, "object expected as reply markup"),
        ],
    )
    async def test_refuses_in_telegrams_words(self, bot: Bot, person: Person, params: dict[str, Any], description: str) -> None:
        assert await bot.refused("sendMessage", **{"chat_id": person.id} | params) == f"Bad Request: {description}"

    async def test_takes_64_bytes_of_callback_data(self, bot: Bot, person: Person) -> None:
        keys = {"inline_keyboard": [[{"text": "x", "callback_data": "ё" * 32}]]}
        assert (await bot.call("sendMessage", chat_id=person.id, text="x", reply_markup=keys))["reply_markup"] == keys

    async def test_is_forbidden_to_whom_blocked_the_bot(self, bot: Bot, person: Person) -> None:
        await person.do("block")
        description = await bot.refused("sendMessage", code=403, chat_id=person.id, text="x")
        assert description == "Forbidden: bot was blocked by the user"
        assert (await bot.next("my_chat_member"))["new_chat_member"]["status"] == "kicked"
        await person.do("unblock")
        assert await bot.call("sendMessage", chat_id=person.id, text="x")

    async def test_replies(self, bot: Bot, person: Person) -> None:
        written = await person.do("text", text="a cat")
        reply = {"message_id": written["message_id"]}
        sent = await bot.call("sendMessage", chat_id=person.id, text="soon", reply_parameters=reply)
        assert sent["reply_to_message"]["text"] == "a cat"
        assert (await person.sees())[-1]["reply_to"] == written["message_id"]


class TestEdits:
    async def test_changes_text_and_takes_the_keyboard_away(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="one", reply_markup=KEYS)
        edited = await bot.call("editMessageText", chat_id=person.id, message_id=sent["message_id"], text="two")
        assert edited["text"] == "two"
        assert edited["edit_date"] >= sent["date"]
        assert "reply_markup" not in edited
        assert (await person.sees())[-1]["edits"] == 1

    async def test_refuses_an_edit_that_changes_nothing(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="one", reply_markup=KEYS)
        same = {"chat_id": person.id, "message_id": sent["message_id"], "text": "one", "reply_markup": KEYS}
        assert await bot.refused("editMessageText", **same) == (
            "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
            "current content and reply markup of the message"
        )

    async def test_refuses_what_cannot_be_edited(self, bot: Bot, person: Person) -> None:
        written = await person.do("text", text="mine")
        target = {"chat_id": person.id, "message_id": written["message_id"]}
        assert await bot.refused("editMessageText", text="x", **target) == "Bad Request: message can't be edited"
        assert await bot.refused("editMessageText", text="x", chat_id=person.id, message_id=10**6) == (
            "Bad Request: message to edit not found"
        )
        sent = await bot.call("sendMessage", chat_id=person.id, text="text")
        target = {"chat_id": person.id, "message_id": sent["message_id"]}
        assert await bot.refused("editMessageCaption", caption="x", **target) == (
            "Bad Request: there is no caption in the message to edit"
        )
        assert await bot.refused("editMessageText", text="x" * 4097, **target) == "Bad Request: MESSAGE_TOO_LONG"

    async def test_changes_only_the_keyboard(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="one")
        target = {"chat_id": person.id, "message_id": sent["message_id"]}
        assert (await bot.call("editMessageReplyMarkup", reply_markup=KEYS, **target))["reply_markup"] == KEYS
        assert "reply_markup" not in await bot.call("editMessageReplyMarkup", **target)


class TestDelete:
    async def test_deletes_once(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="one")
        target = {"chat_id": person.id, "message_id": sent["message_id"]}
        assert await bot.call("deleteMessage", **target) is True
        assert (await person.sees())[-1]["deleted"] is True
        assert await bot.refused("deleteMessage", **target) == "Bad Request: message to delete not found"
        assert await bot.refused("editMessageText", text="x", **target) == "Bad Request: message to edit not found"

    async def test_skips_in_a_list_what_is_not_there(self, bot: Bot, person: Person) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="one")
        assert await bot.call("deleteMessages", chat_id=person.id, message_ids=[sent["message_id"], 10**6]) is True
        assert (await person.sees())[-1]["deleted"] is True
