"""What happens in a round: orders of several kinds are in flight, one program dies at its step, is started again, and all ends."""

import asyncio
import signal
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess

from tests.crash.killing import Kill
from tests.crash.lane import Lane
from tests.crash.steps import Edge, Program, Step, Story
from tests.factories import NANO_BANANA
from tests.forking import ended

FIRES_WITHIN_S = 12.0
PICTURE = "https://example.com/a.png"
UNHOOKED = "[sim:webhook_never]"
MARKERS = {
    Story.FAILING: "[sim:fail=1405]",
    Story.BUSY: "[sim:submit_429]",
    Story.REFUSED: "[sim:submit_400]",
    Story.LOST: "[sim:submit_cut_after_accept]",
    Story.SILENT: f"[sim:submit_cut_after_accept] {UNHOOKED}",
}
_SUBMITTED = "SELECT count(*) FROM generation_jobs WHERE state = 'submitted'"
_PASS = {
    Story.OVERDUE: "UPDATE generation_requests SET deadline_at = now() WHERE status IN ('queued', 'running')",
    Story.FORGOTTEN: "UPDATE generation_requests SET created_at = created_at - interval '2 minutes'"
    " WHERE status IN ('queued', 'running')",
}


@dataclass(frozen=True)
class Trip:
    """One round as it was drawn: die at this step, at its nth call."""

    step: Step
    edge: Edge
    nth: int
    is_sync: bool

    @property
    def kill(self) -> Kill:
        """What the dying process is told."""
        return Kill(self.step.target, self.edge, self.nth)

    def __str__(self) -> str:
        return f"{self.step.label} | {self.edge} | call {self.nth} | {'sync' if self.is_sync else 'async'}"


async def play(lane: Lane, trip: Trip) -> bool:
    """One round; returns whether the kill hit. Raises AssertionError or TimeoutError when something does not end by itself."""
    await lane.stop("api", "worker")
    match trip.step.story:
        case Story.CANCEL:
            is_hit = await _taken_back(lane, trip)
        case Story.OVERDUE | Story.FORGOTTEN:
            is_hit = await _without_jobs(lane, trip)
        case _:
            is_hit = await _ordered(lane, trip)
    await lane.until_all_end()
    return is_hit


async def _ordered(lane: Lane, trip: Trip) -> bool:
    other: Program = "worker" if trip.step.program == "api" else "api"
    await lane.start(other, is_sync=trip.is_sync)
    dying = await lane.start(trip.step.program, trip.kill, is_sync=trip.is_sync)
    first, second, third, _ = lane.payers
    marker = MARKERS.get(trip.step.story, "")
    async with asyncio.TaskGroup() as group:
        for order in (
            lane.new_order(marker),
            lane.new_order(),
            lane.new_order(marker, by=first),
            lane.new_order(UNHOOKED, by=second, model_id=NANO_BANANA, reference_urls=[PICTURE]),
            lane.new_order(by=third),
        ):
            group.create_task(lane.insist(order))
        return await _revive(lane, trip, dying)


async def _taken_back(lane: Lane, trip: Trip) -> bool:
    dying = await lane.start("api", trip.kill)
    orders = [lane.new_order(), lane.new_order(by=lane.payers[0]), lane.new_order(by=lane.payers[1])]
    for order in orders:
        await lane.insist(order)
    async with asyncio.TaskGroup() as group:
        for order in orders[:2]:
            group.create_task(lane.cancel(order))
        is_hit = await _revive(lane, trip, dying)
    await lane.start("worker", is_sync=trip.is_sync)
    return is_hit


async def _without_jobs(lane: Lane, trip: Trip) -> bool:
    """Some orders are at the provider, some were not sent; then every job is lost, and time passes."""
    await lane.start("api")
    if trip.step.story is Story.OVERDUE:
        await lane.start("worker", is_sync=False)
        for by in (None, lane.payers[0]):
            await lane.insist(lane.new_order(f"[sim:stuck] {UNHOOKED}", by=by))
        async with asyncio.timeout(FIRES_WITHIN_S):
            while await lane.eyes.fetchval(_SUBMITTED) < 2:
                await asyncio.sleep(0.02)
        await lane.stop("worker")
    for by in (None, lane.payers[1], lane.payers[2]):
        await lane.insist(lane.new_order(by=by))
    await lane.eyes.execute("DELETE FROM pgqueuer")
    await lane.eyes.execute(_PASS[trip.step.story])
    return await _revive(lane, trip, await lane.start("worker", trip.kill, is_sync=trip.is_sync))


async def _revive(lane: Lane, trip: Trip, dying: ForkServerProcess) -> bool:
    """Wait for the kill, and start the program again without one."""
    is_hit = await ended(dying, within_s=FIRES_WITHIN_S) and dying.exitcode == -signal.SIGKILL
    await lane.stop(trip.step.program)
    await lane.start(trip.step.program, is_sync=trip.is_sync)
    return is_hit
