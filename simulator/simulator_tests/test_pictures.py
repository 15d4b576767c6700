"""The pictures: right size, ratio and format, prompt and references in them, no key allowed (protocol 3, 9)."""

import base64
import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from simulator import fonts
from simulator.catalogue import ASPECT_RATIOS
from simulator.pictures import PictureOrder, draw

NANO = "google/nano-banana/text-to-image"
PRO = "google/nano-banana-pro/text-to-image"


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


@pytest.fixture
def picture_of(assets: httpx2.AsyncClient, submit: Any) -> Any:
    async def fetch(**request: Any) -> Image.Image:
        data = await submit(enable_sync_mode=True, **request)
        answer = await assets.get(data["outputs"][0])
        assert answer.status_code == 200
        picture = opened(answer.content)
        assert picture.format is not None
        assert answer.headers["content-type"] == f"image/{picture.format.lower()}"
        return picture

    return fetch


class TestOutput:
    @pytest.mark.parametrize(("more", "size"), [({}, (2048, 2048)), ({"size": "1024*1536"}, (1024, 1536))])
    async def test_has_exactly_the_size_asked_of_seedream(self, picture_of: Any, more: Any, size: tuple[int, int]) -> None:
        picture = await picture_of(**more)
        assert (picture.size, picture.format) == (size, "JPEG")

    @pytest.mark.parametrize("ratio", ASPECT_RATIOS)
    async def test_has_the_aspect_ratio_and_a_megapixel_for_nano_banana(self, picture_of: Any, ratio: str) -> None:
        picture = await picture_of(model=NANO, aspect_ratio=ratio)
        across, down = map(int, ratio.split(":"))
        assert picture.width * down == picture.height * across
        assert 0.95 < picture.width * picture.height / 1024**2 < 1.05

    @pytest.mark.parametrize(("resolution", "side"), [("1k", 1024), ("2k", 2048), ("4k", 4096)])
    async def test_has_the_scale_asked_of_pro(self, picture_of: Any, resolution: str, side: int) -> None:
        picture = await picture_of(model=PRO, resolution=resolution, output_format="jpeg")
        assert (picture.size, picture.format) == ((side, side), "JPEG")

    async def test_is_png_by_default_for_nano_banana(self, picture_of: Any) -> None:
        assert (await picture_of(model=NANO)).format == "PNG"

    async def test_holds_the_uploaded_reference(self, picture_of: Any, png: bytes) -> None:
        uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        picture = await picture_of(model="google/nano-banana/edit", images=[uri])
        colours = picture.convert("RGB").getcolors(picture.width * picture.height) or []
        red = sum(count for count, colour in colours if colour == (255, 0, 0))
        assert red > 50_000

    async def test_of_another_run_may_be_a_reference(self, picture_of: Any, submit: Any) -> None:
        first = await submit("first", enable_sync_mode=True)
        picture = await picture_of(model="google/nano-banana/edit", images=[first["outputs"][0], "https://example.com/b.png"])
        assert picture.size == (1024, 1024)

    async def test_is_the_same_at_every_download(self, assets: httpx2.AsyncClient, submit: Any) -> None:
        url = (await submit(enable_sync_mode=True))["outputs"][0]
        assert (await assets.get(url)).content == (await assets.get(url)).content

    async def test_is_refused_to_a_caller_who_sends_the_key(self, assets: httpx2.AsyncClient, submit: Any, key: str) -> None:
        url = (await submit(enable_sync_mode=True))["outputs"][0]
        assert (await assets.get(url, headers={"Authorization": f"Bearer {key}"})).status_code == 400

    async def test_is_not_there_before_the_end(self, assets: httpx2.AsyncClient, submit: Any) -> None:
        prediction_id = (await submit())["id"]
        assert (await assets.get(f"/predictions/{prediction_id}/1.jpeg")).status_code == 404


class TestDraw:
    def order(self, prompt: str = "a lake", width: int = 512, height: int = 512) -> PictureOrder:
        return PictureOrder(width, height, "png", prompt, "caption")

    def test_gives_the_same_bytes_for_the_same_order(self) -> None:
        assert draw(self.order()) == draw(self.order())

    def test_shows_the_prompt(self) -> None:
        assert draw(self.order("a lake")) != draw(self.order("a hill"))
        assert draw(self.order("Қўқон")) != draw(self.order("Қўқоқ"))

    @pytest.mark.parametrize("prompt", ["word " * 3000, "unbroken" * 500, "😀 日本語 \n\t мадад", "[sim:fail=1200]"])
    @pytest.mark.parametrize(("width", "height"), [(512, 512), (1554, 666), (765, 1360)])
    def test_fits_any_prompt(self, prompt: str, width: int, height: int) -> None:
        assert opened(draw(self.order(prompt, width, height))).size == (width, height)


class TestLegible:
    def test_spells_uzbek_cyrillic_in_latin_where_only_pillows_own_font_is_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fonts, "SYSTEM_FONTS", ())
        fonts.font_path.cache_clear()
        try:
            assert fonts.legible("Ғишт Қўқон Oʻzbek émotion 日") == "G'isht Qo'qon O'zbek emotion ?"  # noqa: RUF001
        finally:
            monkeypatch.undo()
            fonts.font_path.cache_clear()
