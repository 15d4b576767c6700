"""Webhooks that are almost genuine: each differs from a genuine one in one way."""

import random
from collections.abc import Callable, Iterator

from app.provider.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, WINDOW_S

HEX = "0123456789abcdef"

Message = tuple[dict[str, str], bytes]
Way = Callable[[random.Random, Message], Message]


def mutants(seed: int, genuine: Message) -> Iterator[Message]:
    """Messages that differ from the genuine one, each way in turn, without end."""
    rng = random.Random(seed)  # noqa: S311 - the same mutants every time
    while True:
        for way in WAYS:
            mutant = way(rng, genuine)
            if mutant != genuine:
                yield mutant


def on_header(name: str, change: Callable[[random.Random, str], str]) -> Way:
    return lambda rng, message: (message[0] | {name: change(rng, message[0][name])}, message[1])


def on_body(change: Callable[[random.Random, bytes], bytes]) -> Way:
    return lambda rng, message: (message[0], change(rng, message[1]))


def flipped(rng: random.Random, data: bytes) -> bytes:
    """One bit turned over."""
    changed = bytearray(data)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flipped_text(rng: random.Random, text: str) -> str:
    return flipped(rng, text.encode("latin-1")).decode("latin-1")


def cut(rng: random.Random, text: str) -> str:
    start, end = sorted(rng.sample(range(len(text) + 1), 2))
    return text[start:end]


def lengthened(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice([" ", "0", ",", "\t", "v3,", "\x00", "a", "é", text]) + text[at:]


def in_another_case(rng: random.Random, text: str) -> str:
    return "".join(char.upper() if rng.random() < 0.5 else char for char in text)


def with_other_digits(rng: random.Random, text: str) -> str:
    digits = list(text[3:])
    for at in rng.sample(range(len(digits)), rng.randint(1, len(digits))):
        digits[at] = rng.choice(HEX)
    return text[:3] + "".join(digits)


def guessed(rng: random.Random, _: str) -> str:
    return f"v3,{rng.randbytes(32).hex()}"


def at_another_time(rng: random.Random, text: str) -> str:
    return str(int(text) + rng.randint(-WINDOW_S, WINDOW_S))


def cut_body(rng: random.Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body))]


def longer_body(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.randbytes(rng.randint(1, 8)) + body[at:]


def with_moved_borders(rng: random.Random, message: Message) -> Message:
    """The same signed bytes, cut elsewhere into id, time and body."""
    headers, body = message
    whole = f"{headers[ID_HEADER]}.{headers[TIMESTAMP_HEADER]}.".encode() + body
    first, second = sorted(rng.sample(range(len(whole)), 2))
    event_id, timestamp = whole[:first].decode("latin-1"), whole[first + 1 : second].decode("latin-1")
    return headers | {ID_HEADER: event_id, TIMESTAMP_HEADER: timestamp}, whole[second + 1 :]


WAYS: list[Way] = [
    on_body(flipped),
    on_body(cut_body),
    on_body(longer_body),
    with_moved_borders,
    on_header(TIMESTAMP_HEADER, at_another_time),
    *(
        on_header(name, change)
        for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
        for change in (flipped_text, cut, lengthened)
    ),
    on_header(SIGNATURE_HEADER, in_another_case),
    on_header(SIGNATURE_HEADER, with_other_digits),
    on_header(SIGNATURE_HEADER, guessed),
]
