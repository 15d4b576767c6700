"""Hostile uploads, one after the other and many at once: each is refused, and the memory of the process stays where it was.

The promise is about 2,000 of them; a slice of it runs with every test run. `RASSOM_HOSTILE_UPLOADS=2000` runs all of it.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest

from tests.factories import NO_TLS, Shop
from tests.forms import FORM_TYPE, a_file, a_form, a_part
from tests.pictures import a_picture, jpeg_header, png_bomb, png_header, webp_canvas

MB = 1024 * 1024
STATM = Path("/proc/self/statm")
COUNT = int(os.environ.get("RASSOM_HOSTILE_UPLOADS", "150"))
AT_ONCE = 8
GROWTH_MAX_MB = 150
SEED = 20

REFUSALS = {413: "upload_too_large", 415: "unsupported_media_type", 422: "validation_error"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>fetch("https://evil.example")</script></svg>'
HEADS = [a_picture("PNG")[:33], jpeg_header(8, 8), webp_canvas(8, 8), b"", SVG]

Body = bytes | AsyncIterator[bytes]


async def fifty_megabytes(head: bytes) -> AsyncIterator[bytes]:
    """A stream without length, larger than anything that is taken."""
    yield a_part(head)[:-2]
    for _ in range(50 * MB // 65_536):
        yield bytes(65_536)


async def cut_off(head: bytes, size: int) -> AsyncIterator[bytes]:
    """A form that never ends as it should."""
    yield a_part(head)[:-2]
    for _ in range(size // 65_536):
        yield bytes(65_536)


def bomb(rng: random.Random) -> Body:
    sides = rng.randint(6_400, 60_000), rng.randint(6_400, 60_000)
    content = rng.choice([png_bomb(*sides), jpeg_header(*sides) + bytes(1000), webp_canvas(*sides) + bytes(1000)])
    return a_file(content, rng.choice(["cat.png", "../../cat.png", "a" * 3000, "\u202egnp.exe"]))


def other_type(rng: random.Random) -> Body:
    content = rng.choice(
        [SVG, b"GIF89a" + rng.randbytes(5000), b"<html>" + SVG, b"%PDF-1.7" + rng.randbytes(500), rng.randbytes(9000)]
    )
    return a_file(content, rng.choice(["cat.png", "cat.svg", "cat.png\x00.svg"]))


def damaged_header(rng: random.Random) -> Body:
    content = bytearray(png_header(64, 64) + bytes(500))
    content[rng.randrange(8, 33)] ^= 1 << rng.randrange(8)
    return a_file(bytes(content))


def damaged_form(rng: random.Random) -> Body:
    form = a_file(a_picture("PNG"))
    return form[: rng.randrange(len(form) - 5)]


WAYS: list[Callable[[random.Random], Body]] = [
    lambda rng: fifty_megabytes(rng.choice(HEADS)),
    lambda rng: cut_off(rng.choice(HEADS), rng.randint(1, 19) * MB),
    bomb,
    bomb,
    other_type,
    damaged_header,
    damaged_form,
    lambda rng: a_form(*[a_part(a_picture("PNG"))] * rng.randint(2, 2000)),
    lambda _: a_form(a_part(SVG, 'form-data; name="file"', *(f"X-{n}: {'y' * 4000}" for n in range(50)))),
]


def resident_mb() -> float:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB


@pytest.mark.skipif(not STATM.exists(), reason="reads the process's memory from /proc")
async def test_hostile_uploads_are_refused_in_flat_memory(shop: Shop) -> None:
    rng = random.Random(SEED)  # noqa: S311 - the same uploads every time
    wrong: list[str] = []
    statuses: Counter[int] = Counter()
    growth_mb = 0.0

    async def send(body: Body) -> None:
        answer = await shop.http.post("/media/upload", content=body, headers={"Content-Type": FORM_TYPE})
        statuses[answer.status_code] += 1
        if answer.json()["code"] != REFUSALS.get(answer.status_code):
            wrong.append(answer.text)

    await asyncio.gather(*(send(way(rng)) for way in WAYS))  # whatever is allocated once
    before_mb = resident_mb()
    for start in range(0, COUNT, AT_ONCE):
        bodies = [WAYS[(start + n) % len(WAYS)](rng) for n in range(min(AT_ONCE, COUNT - start))]
        await asyncio.gather(*(send(body) for body in bodies))
        growth_mb = max(growth_mb, resident_mb() - before_mb)

    print(f"{COUNT} hostile uploads: {dict(statuses)}, memory grew by {growth_mb:.1f} MB")  # noqa: T201 - a figure of the promise
    assert wrong == []
    assert set(statuses) == set(REFUSALS)
    assert growth_mb <= GROWTH_MAX_MB
    log = (await shop.control.get("/log", params={"path": "/media/"})).json()
    assert log["requests"] == []
    async with httpx2.AsyncClient(base_url=shop.base_url, verify=NO_TLS) as anybody:
        assert (await anybody.get("/api/v1/health")).status_code == 200
