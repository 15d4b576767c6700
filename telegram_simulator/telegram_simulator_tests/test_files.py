"""Photos, documents and albums, in both directions."""

import io
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiohttp import web
from PIL import Image

from telegram_simulator_tests.conftest import TOKEN, Bot, Person, a_picture


@pytest.fixture
async def site(picture: bytes) -> AsyncIterator[str]:
    """A web site with a picture, a page, a PDF and a picture that is too big for a photo by URL."""
    served = {
        "/cat.png": (picture, "image/png"),
        "/page": (b"<html>", "text/html"),
        "/a.pdf": (b"%PDF-1.7", "application/pdf"),
        "/big.png": (bytes(5 * 1024 * 1024 + 1), "image/png"),
    }

    async def serve(request: web.Request) -> web.Response:
        body, kind = served.get(request.path, (b"", ""))
        return web.Response(body=body, content_type=kind) if kind else web.Response(status=404)

    application = web.Application()
    application.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def download(bot: Bot, file_id: str) -> bytes:
    file = await bot.call("getFile", file_id=file_id)
    answer = await bot.http.get(f"/file/bot{TOKEN}/{file['file_path']}")
    assert answer.status_code == 200
    assert len(answer.content) == file["file_size"]
    return answer.content


class TestFromPeople:
    async def test_photos_come_in_several_sizes_as_jpeg(self, bot: Bot, person: Person) -> None:
        await person.sends(a_picture(2000, 1000), caption="make it #blue")
        message = await bot.next("message")
        assert [(size["width"], size["height"]) for size in message["photo"]] == [(90, 45), (320, 160), (800, 400), (1280, 640)]
        assert (message["caption"], message["caption_entities"][0]["type"]) == ("make it #blue", "hashtag")
        with Image.open(io.BytesIO(await download(bot, message["photo"][2]["file_id"]))) as shown:
            assert (shown.format, shown.size) == ("JPEG", (800, 400))

    async def test_files_keep_name_and_bytes(self, bot: Bot, person: Person, picture: bytes) -> None:
        await person.sends(picture, as_files=True, names=["мой кот.png"])
        document = (await bot.next("message"))["document"]
        assert (document["file_name"], document["mime_type"], document["file_size"]) == ("мой кот.png", "image/png", len(picture))
        assert await download(bot, document["file_id"]) == picture

    async def test_albums_are_several_updates_of_one_group(self, bot: Bot, person: Person, picture: bytes) -> None:
        await person.sends(picture, picture, picture, caption="together")
        messages = [update["message"] for update in await bot.updates()]
        assert len({message["media_group_id"] for message in messages}) == 1
        assert [message.get("caption") for message in messages] == ["together", None, None]

    async def test_broken_pictures_are_no_photos(self, person: Person, control: httpx2.AsyncClient) -> None:
        answer = await control.post(f"/users/{person.id}/photo", json={"pictures": ["AAAA"]})
        assert (answer.status_code, answer.json()) == (400, {"error": "Bad Request: IMAGE_PROCESS_FAILED"})


class TestFromTheBot:
    async def test_uploads_in_both_forms(self, bot: Bot, person: Person, picture: bytes) -> None:
        part = ("cat.png", picture, "image/png")
        direct = await bot.call("sendPhoto", {"photo": part}, chat_id=str(person.id), caption="one")
        attached = await bot.call("sendPhoto", {"abc": part}, chat_id=str(person.id), photo="attach://abc")
        assert direct["photo"][-1]["width"] == attached["photo"][-1]["width"] == 64
        document = (await bot.call("sendDocument", {"document": part}, chat_id=str(person.id)))["document"]
        assert document["file_name"] == "cat.png"
        assert await download(bot, document["file_id"]) == picture

    async def test_sends_again_by_id(self, bot: Bot, person: Person, picture: bytes) -> None:
        sent = await bot.call("sendPhoto", {"photo": ("cat.png", picture, "image/png")}, chat_id=str(person.id))
        again = await bot.call("sendPhoto", chat_id=person.id, photo=sent["photo"][0]["file_id"])
        assert again["photo"] == sent["photo"]
        photo_id = sent["photo"][0]["file_id"]
        description = await bot.refused("sendDocument", chat_id=person.id, document=photo_id)
        assert description == "Bad Request: can't use file of type Photo as Document"

    async def test_sends_by_url(self, bot: Bot, person: Person, site: str) -> None:
        assert (await bot.call("sendPhoto", chat_id=person.id, photo=f"{site}/cat.png"))["photo"]
        assert (await bot.call("sendDocument", chat_id=person.id, document=f"{site}/a.pdf"))["document"]["file_name"] == "a.pdf"

    @pytest.mark.parametrize(
        "case",
        [
            ("sendPhoto", "/nothing", "failed to get HTTP URL content"),
            ("sendPhoto", "/page", "wrong type of the web page content"),
            ("sendPhoto", "/big.png", "failed to get HTTP URL content"),
            ("sendDocument", "/cat.png", "wrong type of the web page content"),
        ],
    )
    async def test_refuses_urls_that_telegram_does(self, bot: Bot, person: Person, site: str, case: tuple[str, str, str]) -> None:
        method, path, description = case
        given = {method.removeprefix("send").lower(): f"{site}{path}"}
        assert await bot.refused(method, chat_id=person.id, **given) == f"Bad Request: {description}"

    @pytest.mark.parametrize(
        ("photo", "description"),
        [
            ("", "there is no photo in the request"),
            ("attach://nothing", "there is no photo in the request"),
            ("no id", "wrong file identifier/HTTP URL specified"),
            ("AgACAgIAAxkBAAIx", "wrong remote file identifier specified: can't unserialize it. Wrong last symbol"),
        ],
    )
    async def test_refuses_what_is_no_file(self, bot: Bot, person: Person, photo: str, description: str) -> None:
        assert await bot.refused("sendPhoto", chat_id=person.id, photo=photo) == f"Bad Request: {description}"

    @pytest.mark.parametrize(
        ("content", "description"),
        [
            (b"", "file must be non-empty"),
            (b"text", "IMAGE_PROCESS_FAILED"),
            (a_picture(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
            (
                a_picture() + bytes(10 * 1024 * 1024),
                "file of size 10485970 bytes is too big for a photo; the maximum size is 10485760 bytes",
            ),
        ],
    )
    async def test_refuses_what_is_no_photo(self, bot: Bot, person: Person, content: bytes, description: str) -> None:
        refused = await bot.refused("sendPhoto", {"photo": ("x.png", content, "image/png")}, chat_id=str(person.id))
        assert refused.split(" of size")[0] == f"Bad Request: {description}".split(" of size")[0]

    async def test_refuses_a_caption_over_1024(self, bot: Bot, person: Person, picture: bytes) -> None:
        part = {"photo": ("cat.png", picture, "image/png")}
        sent = await bot.call("sendPhoto", part, chat_id=str(person.id), caption="<i>" + "x" * 1024 + "</i>", parse_mode="HTML")
        assert len(sent["caption"]) == 1024
        target = {"chat_id": person.id, "message_id": sent["message_id"]}
        assert await bot.refused("editMessageCaption", caption="x" * 1025, **target) == "Bad Request: MEDIA_CAPTION_TOO_LONG"
        assert await bot.refused("editMessageText", text="x", **target) == "Bad Request: there is no text in the message to edit"
        description = await bot.refused("sendPhoto", part, chat_id=str(person.id), caption="x" * 1025)
        assert description == "Bad Request: message caption is too long"
        assert "caption" not in await bot.call("editMessageCaption", caption="", **target)

    async def test_sends_albums(self, bot: Bot, person: Person, picture: bytes) -> None:
        media = [{"type": "photo", "media": "attach://a", "caption": "both"}, {"type": "photo", "media": "attach://b"}]
        parts = {name: (f"{name}.png", picture, "image/png") for name in "ab"}
        album = await bot.call("sendMediaGroup", parts, chat_id=str(person.id), media=json.dumps(media))
        assert len({message["media_group_id"] for message in album}) == 1
        assert [message.get("caption") for message in album] == ["both", None]
        before = len(await person.sees())
        media[1]["media"] = "attach://c"
        description = await bot.refused("sendMediaGroup", parts, chat_id=str(person.id), media=json.dumps(media))
        assert description == "Bad Request: there is no photo in the request"
        assert len(await person.sees()) == before

    async def test_puts_another_file_into_a_message(self, bot: Bot, person: Person, picture: bytes) -> None:
        sent = await bot.call("sendMessage", chat_id=person.id, text="wait")
        media = json.dumps({"type": "photo", "media": "attach://a", "caption": "done"})
        edited = await bot.call(
            "editMessageMedia",
            {"a": ("a.png", picture, "image/png")},
            chat_id=str(person.id),
            message_id=str(sent["message_id"]),
            media=media,
        )
        assert "text" not in edited
        assert (edited["caption"], edited["photo"][-1]["height"]) == ("done", 48)

    async def test_knows_no_foreign_files(self, bot: Bot) -> None:
        assert await bot.refused("getFile", file_id="x") == "Bad Request: invalid file_id"
        assert (await bot.http.get(f"/file/bot{TOKEN}/photos/file_0.jpg")).status_code == 404
