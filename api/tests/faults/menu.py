"""Which faults of the provider are tried, in which worlds, and how each is asked for."""

from dataclasses import dataclass

from simulator.faults import KINDS

HALF_A_SECOND, A_SECOND = " seconds=0.5", " seconds=1"
OF_OTHERS = {"output", "media"}
"""Stages in which Rassom does not call the provider: customers download the pictures, and the provider the references."""


@dataclass(frozen=True)
class World:
    """One way to run Rassom: with held connections or with polls and webhooks, for money or for free."""

    name: str
    is_sync: bool
    is_paid: bool


WORLDS = (
    World("held, paid", is_sync=True, is_paid=True),
    World("polled, paid", is_sync=False, is_paid=True),
    World("held, free", is_sync=True, is_paid=False),
    World("polled, free", is_sync=False, is_paid=False),
)


@dataclass(frozen=True)
class Dish:
    """A fault as a marker for a prompt."""

    kind: str
    marker: str

    @property
    def worlds(self) -> tuple[World, ...]:
        """Where it can strike."""
        stage = KINDS[self.kind].stage
        if stage == "sync":
            return tuple(world for world in WORLDS if world.is_sync)
        if stage in {"poll", "webhook"}:
            return tuple(world for world in WORLDS if not world.is_sync)
        return WORLDS


def by_marker() -> list[Dish]:
    """Every fault that a prompt can ask for; those that may pass come once as lasting and once as passing."""
    stages = {"submit_before", "submit_after", "sync", "task", "poll", "webhook"}
    return [Dish(kind.kind, marker) for kind in KINDS.values() if kind.stage in stages for marker in _markers(kind.kind)]


def _markers(kind: str) -> list[str]:
    if "_slow" in kind or kind in {"delay", "history_lag", "webhook_late"}:
        return [kind + A_SECOND]
    if kind.startswith("sync_timeout"):
        return [kind, kind + HALF_A_SECOND]
    if kind == "fail":
        return [kind, f"{kind} code=1200", f"{kind} code=9999"]
    if kind == "submit_429" or kind.startswith("poll_"):
        return [kind, f"{kind} times=2"]
    return [kind]


STORM = [kind.kind for kind in KINDS.values() if kind.stage in {"api", "history"}]
"""Faults without a prompt: all on at the same time, while orders of every kind come in."""
UPLOADS = [kind.kind for kind in KINDS.values() if kind.stage in {"upload", "upload_put"}]
"""Faults of uploads: a customer sends a picture, and orders with it if it was taken."""
SELDOM = {kind.kind for kind in KINDS.values() if kind.stage == "history"}
"""One look into the history serves many lost answers: a short run makes too few of them for each of these to strike."""
