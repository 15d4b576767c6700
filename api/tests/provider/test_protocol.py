"""What reaches the provider for every model and option, as its documentation says: path, body, headers. Read from its log.

The provider answers 401 to any key but the right one, so a 200 in its log also says that the whole key was sent.
"""

import asyncio
from typing import Any

import pytest

from app.core.model_options import ASPECT_RATIOS, SIZES
from tests import running
from tests.conftest import SIMULATOR_KEY
from tests.factories import NANO_BANANA, NANO_BANANA_PRO, SEEDREAM, Shop, changed, new_telegram_id, provider_log

AT_ONCE = 20
RESOLUTIONS = ("1k", "2k", "4k")
EDGES = ("1024*4096", "4096*1024", "1025*4095", "1080*1920")
PICTURES = tuple(f"https://pictures.example/{name}.png?size=l&v=%20{name}" for name in ("z", "a", "m"))

SEEDREAM_OPTIONS = [{}, *({"size": size} for size in (*SIZES, *EDGES))]
NANO_BANANA_OPTIONS = [{}, *({"aspect_ratio": ratio} for ratio in ASPECT_RATIOS)]
PRO_OPTIONS = [
    *NANO_BANANA_OPTIONS,
    *({"resolution": resolution} for resolution in RESOLUTIONS),
    *({"aspect_ratio": ratio, "resolution": resolution} for ratio in ASPECT_RATIOS for resolution in RESOLUTIONS),
]
TEXT_TO_IMAGE = [
    pytest.param(SEEDREAM, SEEDREAM_OPTIONS, "/api/v3/bytedance/seedream-v4", id="seedream-v4"),
    pytest.param(NANO_BANANA, NANO_BANANA_OPTIONS, "/api/v3/google/nano-banana/text-to-image", id="nano-banana"),
    pytest.param(NANO_BANANA_PRO, PRO_OPTIONS, "/api/v3/google/nano-banana-pro/text-to-image", id="nano-banana-pro"),
]
IMAGE_TO_IMAGE = [
    pytest.param(SEEDREAM, SEEDREAM_OPTIONS, "/api/v3/bytedance/seedream-v4/edit", id="seedream-v4"),
    pytest.param(NANO_BANANA, NANO_BANANA_OPTIONS, "/api/v3/google/nano-banana/edit", id="nano-banana"),
    pytest.param(NANO_BANANA_PRO, PRO_OPTIONS, "/api/v3/google/nano-banana-pro/edit", id="nano-banana-pro"),
]


async def order_each(shop: Shop, model_id: int, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everybody orders one of `asked` at once, each with a prompt of its own; the ended generations in the same order."""

    async def one(number: int, more: dict[str, Any]) -> dict[str, Any]:
        somebody = new_telegram_id()
        generation = await shop.order(somebody, model_id=model_id, prompt=f"picture {number}", **more)
        return await shop.follow(generation, somebody, within_s=40)

    # Not all at once: what does not get a database connection within 5 seconds is told to come back.
    numbered = list(enumerate(asked))
    done: list[dict[str, Any]] = []
    for start in range(0, len(numbered), AT_ONCE):
        done += await asyncio.gather(*(one(number, more) for number, more in numbered[start : start + AT_ONCE]))
    return done


async def submits_by_prompt(shop: Shop) -> dict[str, dict[str, Any]]:
    """The provider's log of submits by their prompts; each prompt once."""
    entries = await shop.submits_seen()
    assert len({entry["body"]["prompt"] for entry in entries}) == len(entries)
    return {entry["body"]["prompt"]: entry for entry in entries}


class TestTextToImage:
    @pytest.mark.parametrize(("model_id", "options", "path"), TEXT_TO_IMAGE)
    async def test_sends_exactly_what_was_asked(
        self, busy_shop: Shop, model_id: int, options: list[dict[str, str]], path: str
    ) -> None:
        ended = await order_each(busy_shop, model_id, options)

        seen = await submits_by_prompt(busy_shop)
        wanted = {f"picture {n}": {"prompt": f"picture {n}", **asked} for n, asked in enumerate(options)}
        assert {prompt: entry["body"] for prompt, entry in seen.items()} == {
            prompt: {**body, "enable_sync_mode": True} for prompt, body in wanted.items()
        }
        assert {entry["path"] for entry in seen.values()} == {path}
        assert {generation["status"] for generation in ended} == {"completed"}


class TestImageToImage:
    @pytest.mark.parametrize(("model_id", "options", "path"), IMAGE_TO_IMAGE)
    async def test_sends_exactly_what_was_asked_with_the_images_in_order(
        self, busy_shop: Shop, model_id: int, options: list[dict[str, str]], path: str
    ) -> None:
        ended = await order_each(busy_shop, model_id, [{**asked, "reference_urls": list(PICTURES)} for asked in options])

        seen = await submits_by_prompt(busy_shop)
        wanted = {f"picture {n}": {"prompt": f"picture {n}", **asked, "images": list(PICTURES)} for n, asked in enumerate(options)}
        assert {prompt: entry["body"] for prompt, entry in seen.items()} == {
            prompt: {**body, "enable_sync_mode": True} for prompt, body in wanted.items()
        }
        assert {entry["path"] for entry in seen.values()} == {path}
        assert {generation["status"] for generation in ended} == {"completed"}

    @pytest.mark.parametrize(("model_id", "most"), [(SEEDREAM, 10), (NANO_BANANA, 10), (NANO_BANANA_PRO, 14)])
    async def test_sends_as_many_images_as_the_model_takes(self, busy_shop: Shop, model_id: int, most: int) -> None:
        pictures = [f"https://pictures.example/{n}.png" for n in range(most, 0, -1)]

        await order_each(busy_shop, model_id, [{"reference_urls": pictures[:1]}, {"reference_urls": pictures}])

        seen = await submits_by_prompt(busy_shop)
        assert [seen[f"picture {n}"]["body"]["images"] for n in (0, 1)] == [pictures[:1], pictures]

    async def test_keeps_telegram_file_ids_to_itself(self, busy_shop: Shop) -> None:
        with_files = {"reference_urls": list(PICTURES), "reference_file_ids": ["AgAC-z", "AgAC-a", "AgAC-m"]}

        await order_each(busy_shop, NANO_BANANA, [with_files, {"reference_file_ids": ["AgAC-z"]}])

        seen = await submits_by_prompt(busy_shop)
        assert seen["picture 0"]["body"] == {"prompt": "picture 0", "images": list(PICTURES), "enable_sync_mode": True}
        assert seen["picture 1"]["body"] == {"prompt": "picture 1", "enable_sync_mode": True}


class TestEverySubmit:
    async def test_carries_the_key_and_says_that_it_is_json(self, busy_shop: Shop) -> None:
        await order_each(busy_shop, SEEDREAM, [{}])

        (submit,) = await busy_shop.submits_seen()
        assert submit["status"] == 200
        assert submit["headers"]["authorization"] == f"Bearer ***{SIMULATOR_KEY[-4:]}"
        assert submit["headers"]["content-type"] == "application/json"
        assert submit["query"] == ""

    async def test_sends_the_prompt_as_it_was_written(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        prompt = 'Боғ, "qizil" eshik \\ 🌸\n\u2028 <b>&amp;</b> %s {0} \u202e'
        generation = await busy_shop.order(somebody, prompt=f"  {prompt}  ")
        await busy_shop.follow(generation, somebody)

        (submit,) = await busy_shop.submits_seen()
        assert submit["body"]["prompt"] == prompt
        assert generation["prompt"] == prompt

    async def test_sends_the_longest_prompt_whole(self, busy_shop: Shop) -> None:
        somebody = new_telegram_id()
        prompt = "ў" * 4000
        await busy_shop.follow(await busy_shop.order(somebody, prompt=prompt), somebody)

        (submit,) = await busy_shop.submits_seen()
        assert submit["body"]["prompt"] == prompt

    async def test_takes_null_for_what_was_not_asked(self, busy_shop: Shop) -> None:
        names = ("size", "aspect_ratio", "resolution", "reference_urls", "reference_file_ids", "max_price", "client_context")

        await order_each(busy_shop, SEEDREAM, [dict.fromkeys(names)])

        (submit,) = await busy_shop.submits_seen()
        assert submit["path"] == "/api/v3/bytedance/seedream-v4"
        assert submit["body"] == {"prompt": "picture 0", "enable_sync_mode": True}


class TestWithoutSyncMode:
    async def test_leaves_the_switch_out_and_reads_the_task_until_it_ends(self, shop: Shop) -> None:
        async with running.worker(changed(shop.settings, wavespeed_sync_mode=False)):
            (ended,) = await order_each(shop, NANO_BANANA, [{"aspect_ratio": "16:9"}])

        (submit,) = await shop.submits_seen()
        reads = await provider_log(shop.simulator, "GET")
        assert ended["status"] == "completed"
        assert submit["body"] == {"prompt": "picture 0", "aspect_ratio": "16:9"}
        assert {read["path"] for read in reads} == {f"/api/v3/predictions/{submit['prediction_id']}/result"}
        assert {read["headers"]["authorization"] for read in reads} == {f"Bearer ***{SIMULATOR_KEY[-4:]}"}
