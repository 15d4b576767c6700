"""Orders that are refused before anything is held: each says which field is wrong, and nothing of them reaches the provider."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.factories import NANO_BANANA, NANO_BANANA_PRO, SEEDREAM, Shop, an_order, changed, new_telegram_id, open_shop

Refusal = tuple[int, str, str | None]
UNSUPPORTED, INVALID = (422, "unsupported_parameter"), (422, "validation_error")

JSON = {"Content-Type": "application/json"}
PICTURE = "https://pictures.example/1.png"


def pictures(count: int) -> list[str]:
    return [PICTURE] * count


OPTIONS: dict[str, tuple[dict[str, Any], Refusal]] = {
    "size on nano-banana": ({"model_id": NANO_BANANA, "size": "2048*2048"}, (*UNSUPPORTED, "size")),
    "size on nano-banana-pro": ({"model_id": NANO_BANANA_PRO, "size": "2048*2048"}, (*UNSUPPORTED, "size")),
    "aspect ratio on seedream": ({"aspect_ratio": "1:1"}, (*UNSUPPORTED, "aspect_ratio")),
    "resolution on seedream": ({"resolution": "1k"}, (*UNSUPPORTED, "resolution")),
    "resolution on nano-banana": ({"model_id": NANO_BANANA, "resolution": "1k"}, (*UNSUPPORTED, "resolution")),
    "resolution 8k": ({"model_id": NANO_BANANA_PRO, "resolution": "8k"}, (*UNSUPPORTED, "resolution")),
    "resolution 1K": ({"model_id": NANO_BANANA_PRO, "resolution": "1K"}, (*UNSUPPORTED, "resolution")),
    "resolution empty": ({"model_id": NANO_BANANA_PRO, "resolution": ""}, (*UNSUPPORTED, "resolution")),
    "aspect ratio 2:1": ({"model_id": NANO_BANANA, "aspect_ratio": "2:1"}, (*UNSUPPORTED, "aspect_ratio")),
    "aspect ratio 01:1": ({"model_id": NANO_BANANA_PRO, "aspect_ratio": "01:1"}, (*UNSUPPORTED, "aspect_ratio")),
    "aspect ratio empty": ({"model_id": NANO_BANANA, "aspect_ratio": ""}, (*UNSUPPORTED, "aspect_ratio")),
    "aspect ratio with a space": ({"model_id": NANO_BANANA, "aspect_ratio": "1:1 "}, (*UNSUPPORTED, "aspect_ratio")),
    **{
        f"size {size!r}": ({"size": size}, (*UNSUPPORTED, "size"))
        for size in (
            "1023*1024", "1024*1023", "4097*4096", "4096*4097", "2048x2048", "2048\u00d72048", "2048", "2048*", "*2048", "",
            "2048*2048*2048", "2048 * 2048", "02048*2048", "-2048*2048", "+2048*2048", "2e3*2e3", "2048.0*2048", "99999*1024",
            "2048*2048\n", "٢٠٤٨*٢٠٤٨",
        )
    },
    "size of 21 characters": ({"size": "2048*2048" + " " * 12}, (*INVALID, "size")),
    "11 pictures for seedream": ({"reference_urls": pictures(11)}, (*UNSUPPORTED, "reference_urls")),
    "11 pictures for nano-banana": ({"model_id": NANO_BANANA, "reference_urls": pictures(11)}, (*UNSUPPORTED, "reference_urls")),
    "15 pictures for pro": ({"model_id": NANO_BANANA_PRO, "reference_urls": pictures(15)}, (*INVALID, "reference_urls")),
    "15 file ids": ({"model_id": NANO_BANANA_PRO, "reference_file_ids": ["a"] * 15}, (*INVALID, "reference_file_ids")),
}  # fmt: skip

BODIES: dict[str, tuple[dict[str, Any], Refusal]] = {
    "prompt empty": ({"prompt": ""}, (*INVALID, "prompt")),
    "prompt blank": ({"prompt": " \t\n\u2003"}, (*INVALID, "prompt")),
    "prompt of 4001 characters": ({"prompt": "x" * 4001}, (*INVALID, "prompt")),
    "prompt with NUL": ({"prompt": "a\x00b"}, (*INVALID, "prompt")),
    "prompt with half a character": ({"prompt": "a\ud800b"}, (*INVALID, "prompt")),
    "prompt null": ({"prompt": None}, (*INVALID, "prompt")),
    "prompt a number": ({"prompt": 7}, (*INVALID, "prompt")),
    "unknown field": ({"negative_prompt": "dogs"}, (*INVALID, "negative_prompt")),
    "style": ({"style": None}, (*INVALID, "style")),
    "telegram_id a text": ({"telegram_id": "1001"}, (*INVALID, "telegram_id")),
    "telegram_id 0": ({"telegram_id": 0}, (*INVALID, "telegram_id")),
    "telegram_id negative": ({"telegram_id": -1}, (*INVALID, "telegram_id")),
    "telegram_id of 53 bits": ({"telegram_id": 2**52}, (*INVALID, "telegram_id")),
    "telegram_id true": ({"telegram_id": True}, (*INVALID, "telegram_id")),
    "telegram_id a fraction": ({"telegram_id": 1001.5}, (*INVALID, "telegram_id")),
    "model_id a text": ({"model_id": "1"}, (*INVALID, "model_id")),
    "model_id null": ({"model_id": None}, (*INVALID, "model_id")),
    "model_id of 54 bits": ({"model_id": 2**53}, (*INVALID, "model_id")),
    "size a number": ({"size": 2048}, (*INVALID, "size")),
    "reference_urls a text": ({"reference_urls": PICTURE}, (*INVALID, "reference_urls")),
    "a reference of null": ({"reference_urls": [None]}, (*INVALID, "reference_urls.0")),
    "an empty reference": ({"reference_urls": [PICTURE, ""]}, (*INVALID, "reference_urls.1")),
    "a reference of 2049 characters": ({"reference_urls": [PICTURE + "?" + "x" * 2049]}, (*INVALID, "reference_urls.0")),
    "a reference with NUL": ({"reference_urls": [PICTURE + "\x00"]}, (*INVALID, "reference_urls.0")),
    "a file id with NUL": ({"reference_file_ids": ["\x00"]}, (*INVALID, "reference_file_ids.0")),
    "max_price negative": ({"max_price": -1}, (*INVALID, "max_price")),
    "max_price a text": ({"max_price": "1"}, (*INVALID, "max_price")),
    "client_context a list": ({"client_context": [1]}, (*INVALID, "client_context")),
    "client_context over 2 kB": ({"client_context": {"x": "y" * 2041}}, (*INVALID, "client_context")),
    "client_context over 2 kB in Cyrillic": ({"client_context": {"x": "ў" * 1030}}, (*INVALID, "client_context")),
    "client_context with NUL": ({"client_context": {"x": "\x00"}}, (*INVALID, "client_context")),
    "client_context with half a character": ({"client_context": {"x": "\ud800"}}, (*INVALID, "client_context")),
    "client_context 34 levels deep": ({"client_context": {"x": json.loads("[" * 33 + "]" * 33)}}, (*INVALID, "client_context")),
    "unknown model": ({"model_id": 4}, (404, "model_not_found", None)),
    "unknown model of 53 bits": ({"model_id": 2**53 - 1}, (404, "model_not_found", None)),
}

REFERENCES = (
    "http://pictures.example/1.png",
    "ftp://pictures.example/1.png",
    "file:///etc/passwd",
    "data:image/png;base64,iVBORw0KGgo=",
    "//pictures.example/1.png",
    "pictures.example/1.png",
    "https://",
    "https:///1.png",
    "https://user:password@pictures.example/1.png",
    "https://user@pictures.example/1.png",
    "https://127.0.0.1/1.png",
    "http://127.0.0.1/1.png",
    "https://localhost/1.png",
    "https://LOCALHOST./1.png",
    "https://[::1]/1.png",
    "https://[::ffff:127.0.0.1]/1.png",
    "https://169.254.169.254/latest/meta-data/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://10.0.0.1/1.png",
    "https://192.168.1.1/1.png",
    "https://2130706433/1.png",
    "https://0x7f000001/1.png",
)


async def refusals(shop: Shop, bodies: dict[str, dict[str, Any]]) -> dict[str, Refusal]:
    """Send all of them at once; what each is answered: status, code and the field that is named first."""

    async def one(body: dict[str, Any]) -> Refusal:
        answer = await shop.http.post("/generations/submit", content=json.dumps(body), headers=JSON)
        problem = answer.json()
        fields = [error["field"] for error in problem.get("errors", [])]
        return answer.status_code, problem.get("code"), fields[0] if fields else None

    return dict(zip(bodies, await asyncio.gather(*(one(body) for body in bodies.values())), strict=True))


async def assert_nothing_happened(shop: Shop) -> None:
    """No order, no use of a trial, no credit moved, no work queued."""
    for table in ("generation_requests", "generation_jobs", "trial_uses", "ledger_entries", "pgqueuer", "users"):
        assert await shop.eyes.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608


class TestOptions:
    async def test_that_the_model_does_not_take_are_refused_by_name(self, shop: Shop) -> None:
        bodies = {case: an_order(new_telegram_id(), **more) for case, (more, _) in OPTIONS.items()}

        assert await refusals(shop, bodies) == {case: wanted for case, (_, wanted) in OPTIONS.items()}
        await assert_nothing_happened(shop)


class TestBodies:
    async def test_that_are_not_valid_are_refused_by_name(self, shop: Shop) -> None:
        bodies = {case: an_order(new_telegram_id()) | more for case, (more, _) in BODIES.items()}

        seen = await refusals(shop, bodies)

        assert seen == {case: wanted for case, (_, wanted) in BODIES.items()}
        await assert_nothing_happened(shop)

    @pytest.mark.parametrize("missing", ["telegram_id", "model_id", "prompt"])
    async def test_without_a_needed_field_are_refused_by_name(self, shop: Shop, missing: str) -> None:
        body = {name: value for name, value in an_order(new_telegram_id()).items() if name != missing}

        assert await refusals(shop, {"it": body}) == {"it": (*INVALID, missing)}

    @pytest.mark.parametrize("raw", ["", "null", "[]", "7", '"text"', "{", '{"prompt": }', "\ufeff{}", '{"a": NaN}'])
    async def test_that_are_no_object_are_refused(self, shop: Shop, raw: str) -> None:
        answer = await shop.http.post("/generations/submit", content=raw, headers=JSON)

        assert (answer.status_code, answer.json()["code"]) == INVALID

    @pytest.mark.parametrize("depth", [100, 300, 900, 980, 1020, 30_000])
    async def test_nested_deeply_are_no_server_error(self, shop: Shop, depth: int) -> None:
        nested = f'{{"a":{"[" * depth}{"]" * depth}}}'
        raw = f'{{"telegram_id": {new_telegram_id()}, "model_id": 1, "prompt": "x", "client_context": {nested}}}'
        answer = await shop.http.post("/generations/submit", content=raw, headers=JSON)

        assert answer.status_code in {400, 422}, answer.text

    @pytest.mark.parametrize(
        "context",
        [
            {},
            {"x": "y" * 2040},
            {"chat": -1001, "ids": [1, 2.5, None, True, 2**53], "ў": {"text": "\\u0000 is no NUL"}},
            {"x": json.loads("[" * 32 + "]" * 32)},
        ],
        ids=["empty", "2 kB", "mixed", "33 levels"],
    )
    async def test_carry_a_context_that_is_given_back(self, shop: Shop, context: dict[str, Any]) -> None:
        generation = await shop.order(new_telegram_id(), client_context=context)

        assert generation["client_context"] == context


class TestReferences:
    @pytest.fixture
    async def public_shop(self, shop: Shop) -> AsyncIterator[Shop]:
        """A shop whose provider is not on this machine; it has no worker, so nothing is ever sent there."""
        settings = changed(shop.settings, wavespeed_api_base_url="https://provider.invalid/api/v3")
        async with open_shop(settings, shop.simulator) as opened:
            yield opened

    @pytest.mark.case(19)
    async def test_to_what_is_not_public_https_are_refused_by_position(self, public_shop: Shop) -> None:
        bodies = {url: an_order(new_telegram_id(), reference_urls=[PICTURE, url]) for url in REFERENCES}

        assert await refusals(public_shop, bodies) == dict.fromkeys(REFERENCES, (*UNSUPPORTED, "reference_urls.1"))
        await assert_nothing_happened(public_shop)

    async def test_to_public_https_are_taken(self, public_shop: Shop) -> None:
        generation = await public_shop.order(new_telegram_id(), reference_urls=[PICTURE])

        assert generation["input_params"]["reference_urls"] == [PICTURE]


class TestRefusedOrders:
    async def test_never_reach_the_provider(self, busy_shop: Shop) -> None:
        tables = {**OPTIONS, **BODIES}
        await refusals(busy_shop, {case: an_order(new_telegram_id()) | more for case, (more, _) in tables.items()})
        somebody = new_telegram_id()
        await busy_shop.follow(await busy_shop.order(somebody, prompt="the one that is valid"), somebody)

        assert [entry["body"]["prompt"] for entry in await busy_shop.submits_seen()] == ["the one that is valid"]

    async def test_leave_the_user_free_to_order(self, shop: Shop) -> None:
        somebody = await shop.rich_user(1)
        await shop.submit(somebody, model_id=SEEDREAM, size="1*1")

        assert await shop.balance(somebody) == (1, 0)
        assert (await shop.submit(somebody)).status_code == 202
