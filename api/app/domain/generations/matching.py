"""Which task of the provider's history belongs to which attempt whose answer was lost. Pure.

There is no idempotency key, so an attempt and a task are compared by what they were asked for: the model, exactly the fields that
were sent, and the time. Attempts that sent the same are exchangeable: whichever of their tasks each one gets, it gets what it asked
for. Of m attempts and k tasks, as many as there can be are paired.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.core.model_options import MODEL_OPTIONS
from app.provider.history import PastTask
from app.provider.wire import SYNC_OPTION

CLOCK_SKEW = timedelta(seconds=60)
"""How far the provider's clock may be from the database's."""

# How the answer travels, not what is in the picture.
_TRANSPORT = frozenset({SYNC_OPTION})
_DEFAULTS: Mapping[str, tuple[object, ...]] = {"enable_base64_output": (False,)}
_OPTIONS_BY_PATH = {path: options for options in MODEL_OPTIONS.values() for path in options.paths}


@dataclass(frozen=True)
class Sent:
    """What an attempt sent, and when."""

    path: str
    body: Mapping[str, Any]
    sent_at: datetime


@dataclass(frozen=True)
class Lost:
    """An attempt whose answer was lost. It can have been accepted between `sent.sent_at` and `lost_at`.

    One that `is_live` may still end with its picture; of another one the generation has failed, and its task is only noted.
    """

    attempt_id: int
    sent: Sent
    lost_at: datetime
    is_live: bool


@dataclass(frozen=True)
class Pair:
    """This attempt gets this task."""

    attempt_id: int
    past: PastTask


def window_of(lost: Lost) -> tuple[datetime, datetime]:
    """Between which moments of the provider's clock its task was created."""
    return lost.sent.sent_at - CLOCK_SKEW, lost.lost_at + CLOCK_SKEW


def windows_of(lost: Iterable[Lost]) -> list[tuple[datetime, datetime]]:
    """All their windows, joined where they overlap, the oldest first."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(map(window_of, lost)):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def pair(
    lost: Sequence[Lost],
    past: Mapping[str, Sequence[PastTask]],
    *,
    names: Mapping[str, Collection[str]],
    in_flight: Sequence[Sent],
    taken: Collection[str],
) -> list[Pair]:
    """Give each attempt a task that can be its own, the oldest first and those that are live before the others.

    `past` holds the history by the path that was asked for, `names` what the provider calls a path besides its own name. Tasks that
    are `taken` belong to an attempt already. A task that may be the answer to an attempt `in_flight` is left to that one.
    """
    waiting: defaultdict[tuple[str, str], list[Lost]] = defaultdict(list)
    for one in lost:
        waiting[_input_of(one.sent.path, one.sent.body)].append(one)
    flying: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for sent in in_flight:
        flying[_input_of(sent.path, sent.body)].append(sent.sent_at - CLOCK_SKEW)
    free: defaultdict[tuple[str, str], dict[str, PastTask]] = defaultdict(dict)
    for path, tasks in past.items():
        for task in tasks:
            wanted = _input_of(path, task.inputs)
            # What an empty account refused is no answer to anything: its attempt was followed by another one at once.
            is_free = task.task.id not in taken and not task.task.is_out_of_credit
            is_free = is_free and not any(task.created_at >= start for start in flying[wanted])
            # The history was asked for this model, but a filter may be ignored; without a name nothing is certain.
            if wanted in waiting and is_free and task.task.model in {path, *names.get(path, ())}:
                free[wanted][task.task.id] = task
    return [found for wanted, tasks in free.items() for found in _pair_same(waiting[wanted], list(tasks.values()))]


def _pair_same(lost: Sequence[Lost], past: Sequence[PastTask]) -> list[Pair]:
    """Pair what was asked for the same: each task, from the oldest on, goes to the attempt whose window closes first."""
    pairs: list[Pair] = []
    tasks = sorted(past, key=lambda found: (found.created_at, found.task.id))
    for is_live in (True, False):
        open_ones = sorted((one for one in lost if one.is_live is is_live), key=lambda one: (one.lost_at, one.attempt_id))
        left = []
        for task in tasks:
            mine = next((one for one in open_ones if _is_within(task.created_at, window_of(one))), None)
            if mine is None:
                left.append(task)
                continue
            open_ones.remove(mine)
            pairs.append(Pair(mine.attempt_id, task))
        tasks = left
    return pairs


def _is_within(moment: datetime, window: tuple[datetime, datetime]) -> bool:
    return window[0] <= moment <= window[1]


def _input_of(path: str, fields: Mapping[str, Any]) -> tuple[str, str]:
    """What was asked for, in one form: the provider echoes its defaults beside what was sent."""
    options = _OPTIONS_BY_PATH.get(path)
    defaults = {**_DEFAULTS, **(options.defaults if options else {})}
    asked = {
        name: value
        for name, value in fields.items()
        if name not in _TRANSPORT and value is not None and value not in ("", []) and not _is_default(value, defaults.get(name, ()))
    }
    return path, json.dumps(asked, sort_keys=True)


def _is_default(value: object, defaults: tuple[object, ...]) -> bool:
    return any(value == default and type(value) is type(default) for default in defaults)
