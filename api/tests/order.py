"""Who runs what where tests run side by side: file by file, the longest files first, and the shop in Telegram is started once."""

from typing import Any

import pytest
from typing_extensions import override
from xdist.scheduler import LoadFileScheduling

SHOP = "api/tests/stories/test_bot_"
# What is begun last decides how long the others wait for its end. Between two files that start many programs stand some that mostly
# wait, so that three workers do not begin by starting three whole stacks at once.
LONGEST = (
    SHOP,
    "api/tests/stories/test_provider_faults.py",
    "api/tests/stories/test_governor.py",
    "api/tests/stories/test_kills.py",
    "api/tests/stories/test_lost_answers.py",
    "api/tests/races/test_frozen_worker.py",
    "api/tests/embedded/test_up.py",
    "api/tests/stories/test_killed_at_the_post.py",
    "api/tests/api/test_authorisation.py",
    "api/tests/embedded/test_bot.py",
    "api/tests/stories/test_breaker.py",
    "api/tests/provider/test_protocol.py",
    "api/tests/chaos/test_chaos.py",
    "api/tests/races/test_reconciler_races.py",
    "api/tests/middlewares/test_rate_limit.py",
    "api/tests/stories/test_stops.py",
    "api/tests/fuzz/test_openapi_fuzz.py",
    "api/tests/containers/test_restore.py",
    "api/tests/containers/test_entrypoint.py",
    "api/tests/faults/test_faults.py",
    "api/tests/embedded/test_demo.py",
    "api/tests/crash/test_crash.py",
    "api/tests/laws/test_import_laws.py",
)


class ByFile(LoadFileScheduling):
    """Each file is one piece of work, and so are all stories of the shop together."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return piece_of(nodeid)


def piece_of(nodeid: str) -> str:
    """The piece of work that a test belongs to."""
    return SHOP if nodeid.startswith(SHOP) else nodeid.partition("::")[0]


def sort(items: list[pytest.Item]) -> None:
    """Put the longest pieces in front and leave the rest as it is."""
    places = {piece: place for place, piece in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(piece_of(item.nodeid), len(places)))


def scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Who hands the work out, for `--dist loadfile`."""
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None
