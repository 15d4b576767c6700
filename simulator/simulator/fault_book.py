"""Which faults are switched on: by the control endpoint for the next N matching requests, and by prompt markers."""

import re
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from simulator.faults import KINDS

_MARKER = re.compile(r"\[sim:\s*([^\]]*)\]")
_WITHOUT_PROMPT = {"history", "upload", "upload_put", "media", "api"}
_MATCH_KEYS = {"path", "method", "model", "prompt", "prediction_id"}


class FaultError(ValueError):
    """A fault was asked for that does not exist or has a bad parameter; the text says which."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a fault could strike: the request, and the prediction it is about. `key` counts markers apart."""

    method: str = ""
    path: str = ""
    model: str = ""
    prompt: str = ""
    prediction_id: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault that strikes now."""

    kind: str
    params: dict[str, Any]

    @property
    def answer(self) -> str:
        """Which wrong answer the kind gives."""
        return KINDS[self.kind].answer


@dataclass(slots=True)
class Fault:
    """A switched-on fault: `times` matching moments are left (None: until deleted), every `every`-th of them strikes."""

    kind: str
    params: dict[str, Any]
    times: int | None = 1
    every: int = 1
    match: dict[str, str] = field(default_factory=dict)
    fault_id: str = field(default_factory=lambda: secrets.token_hex(6))
    seen: int = 0
    struck: int = 0

    def strikes(self, moment: Moment) -> bool:
        """Say whether it strikes at this moment, and count it."""
        if self.times is not None and self.struck >= self.times:
            return False
        if not self._matches(moment):
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.struck += 1
        return True

    def _matches(self, moment: Moment) -> bool:
        return all(
            wanted == getattr(moment, key) if key in {"model", "method", "prediction_id"} else wanted in getattr(moment, key)
            for key, wanted in self.match.items()
        )


def _params(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    if kind not in KINDS:
        raise FaultError(f'unknown fault kind "{kind}"; GET /sim/faults/kinds lists them')
    known = KINDS[kind].params
    for name, value in given.items():
        if name not in known:
            raise FaultError(f'fault "{kind}" has no parameter "{name}"; it has: {", ".join(known) or "none"}')
        wants_number = isinstance(known[name], int | float) or name in {"seconds", "retry_after", "code"}
        if wants_number and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise FaultError(f'parameter "{name}" of fault "{kind}" must be a number, 0 or more, got {value!r}')
    return known | given


def _count(name: str, value: object, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise FaultError(f'"{name}" must be a whole number, {least} or more, got {value!r}')
    return value


def fault_from_json(body: dict[str, Any]) -> Fault:
    """Return the fault a control request asks for; raises FaultError when it cannot be."""
    given = dict(body)
    kind = given.pop("kind", None)
    if not isinstance(kind, str):
        raise FaultError('"kind" is required; GET /sim/faults/kinds lists them')
    times = given.pop("times", 1)
    every = given.pop("every", 1)
    match = given.pop("match", {})
    if not isinstance(match, dict) or not set(match) <= _MATCH_KEYS or not all(isinstance(text, str) for text in match.values()):
        raise FaultError(f'"match" must be an object of texts with keys from: {", ".join(sorted(_MATCH_KEYS))}')
    times = None if times is None else _count("times", times, least=1)
    return Fault(kind, _params(kind, given), times, _count("every", every, least=1), match)


def _typed(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


@lru_cache(maxsize=4096)
def markers_in(prompt: str) -> tuple[Fault, ...]:
    """Return the faults a prompt's markers switch on: `[sim:KIND]`, `[sim:KIND=X]`, `[sim:KIND name=x times=2]`.

    Without `times` a marker strikes at every matching request of its prompt. Raises FaultError for an unknown kind.
    The faults are patterns only: the book counts how often each one struck.
    """
    found = []
    for inside in _MARKER.findall(prompt):
        words = inside.split()
        kind, equals, value = words[0].partition("=") if words else ("", "", "")
        given: dict[str, Any] = {}
        for word in words[1:]:
            name, _, text = word.partition("=")
            given[name] = _typed(text)
        if equals and kind in KINDS:
            given[KINDS[kind].main] = _typed(value)
        if kind in KINDS and KINDS[kind].stage in _WITHOUT_PROMPT:
            raise FaultError(f'fault "{kind}" has no prompt to be read from; use POST /sim/faults')
        times = given.pop("times", None)
        times = None if times is None else _count("times", times, least=1)
        found.append(Fault(kind, _params(kind, given), times, fault_id=inside))
    return tuple(found)


class FaultBook:
    """All faults switched on by control requests, the counts of the markers, and how often each kind has struck."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self.struck: Counter[str] = Counter()
        self._marker_counts: Counter[tuple[str, str]] = Counter()

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on."""
        self.faults[fault.fault_id] = fault
        return fault

    def clear(self, fault_id: str | None = None) -> int:
        """Switch one fault off, or all with their marker counts; say how many went."""
        if fault_id is not None:
            return 0 if self.faults.pop(fault_id, None) is None else 1
        gone = len(self.faults)
        self.faults.clear()
        self.struck.clear()
        self._marker_counts.clear()
        return gone

    def first(self, stage: str, moment: Moment) -> Hit | None:
        """Return the first fault of the stage that strikes at this moment and count only that one."""
        for hit in self._striking(stage, moment):
            return hit
        return None

    def all(self, stage: str, moment: Moment) -> list[Hit]:
        """Return every fault of the stage that strikes at this moment, markers first."""
        return list(self._striking(stage, moment))

    def _striking(self, stage: str, moment: Moment) -> Iterator[Hit]:
        for marker in markers_in(moment.prompt):
            if KINDS[marker.kind].stage == stage and self._marker_strikes(marker, moment):
                self.struck[marker.kind] += 1
                yield Hit(marker.kind, marker.params)
        for fault in self.faults.values():
            if KINDS[fault.kind].stage == stage and fault.strikes(moment):
                self.struck[fault.kind] += 1
                yield Hit(fault.kind, fault.params)

    def _marker_strikes(self, marker: Fault, moment: Moment) -> bool:
        if marker.times is None:
            return True
        place = (moment.key, marker.fault_id)
        if self._marker_counts[place] >= marker.times:
            return False
        self._marker_counts[place] += 1
        return True
