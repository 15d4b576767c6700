"""A font that can draw the prompt, and a legible spelling for the letters it lacks."""

import unicodedata
from functools import lru_cache

from PIL import ImageFont

# Pillow's own font (Aileron, basic Latin) ships with Pillow; these are looked for in the system first because they
# also hold Cyrillic and the Uzbek letters. ImageFont.truetype searches the system's font folders for a bare name.
SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "arial.ttf",
)
_LATIN = (
    "а=a б=b в=v г=g д=d е=e ж=j з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=x ц=ts ч=ch ш=sh щ=sh ъ=' "  # noqa: RUF001
    "ы=i ь=' э=e ю=yu я=ya ё=yo ў=o' қ=q ғ=g' ҳ=h і=i ї=yi є=ye ґ=g ә=a ʻ=' ʼ=' –=- —=- …=... №=No"  # noqa: RUF001
)
_SPELLINGS = dict(pair.split("=") for pair in _LATIN.split())

Font = ImageFont.FreeTypeFont


@lru_cache(maxsize=1)
def font_path() -> str | None:
    """Return the file of the first system font found, or None where only Pillow's own is there."""
    for name in SYSTEM_FONTS:
        try:
            return str(ImageFont.truetype(name, 16).path)
        except OSError:
            continue
    return None


def load(size: int) -> Font:
    """Return the font at a pixel size, fresh: FreeType faces are not shared between threads."""
    path = font_path()
    if path is not None:
        return ImageFont.truetype(path, size)
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; install a Pillow wheel")
    return font


@lru_cache(maxsize=4096)
def spelled(character: str, path: str | None) -> str:
    """Return the character itself when the font of `path` has it, else its nearest spelling, else `?`."""
    font = ImageFont.truetype(path, 24) if path else load(24)
    if character.isspace() or _draws(font, character):
        return character
    latin = _SPELLINGS.get(character.lower())
    if latin is not None:
        return latin.capitalize() if character.isupper() else latin
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or "?"


def legible(text: str) -> str:
    """Return the text as the font at hand can draw it."""
    path = font_path()
    return "".join(spelled(character, path) for character in text)


def _draws(font: Font, character: str) -> bool:
    return _mask(font, character) != _mask(font, "\uffff")


def _mask(font: Font, character: str) -> tuple[bytes, tuple[int, int]]:
    mask = font.getmask(character)
    return bytes(mask), mask.size
