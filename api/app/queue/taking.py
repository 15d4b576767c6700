"""How a worker takes jobs: one short statement, asked only when there is a reason to.

The library looks once more after every job, then asks three times what there might be, and its statement serves any kind of queue.
Here one look takes what is due, and the next one waits until a job is announced, until one of ours is due again, or for a moment:
the queue is read even if every announcement is lost.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from pgqueuer.adapters.persistence.queries import Queries, lost_capacity_slot_race
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from typing_extensions import override

from app.queue.driver import SteadyDriver

LOOK_EVERY_S = 2.0
LOOK_FOR_A_SLOT_EVERY_S = 0.25
# A job is due when its moment has passed by the database's clock, which may be read a little before ours.
DUE_MARGIN_S = 0.01
SLOTS = "pgqueuer_picked_slot_idx"

# The slots' unique index has the last word between two workers that look at once. Who loses takes nothing and looks again.
_TAKE = """
    WITH held AS (
        SELECT count(*) AS slots FROM pgqueuer WHERE entrypoint = $1 AND status = 'picked' AND slot IS NOT NULL
    ), due AS (
        SELECT job.id, row_number() OVER (ORDER BY job.priority DESC, job.id) AS place FROM (
            SELECT id, priority FROM pgqueuer WHERE entrypoint = $1 AND status = 'queued' AND execute_after < now()
            ORDER BY priority DESC, id LIMIT $2 FOR UPDATE SKIP LOCKED
        ) job
    ), free AS (
        SELECT seat.slot, row_number() OVER (ORDER BY seat.slot) AS place
        FROM held CROSS JOIN LATERAL generate_series(0, least(held.slots + $2, $3) - 1) seat (slot)
        WHERE NOT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = $1 AND status = 'picked' AND slot = seat.slot)
        ORDER BY seat.slot LIMIT $2
    ), taken AS (
        UPDATE pgqueuer job SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $4, slot = free.slot
        FROM due JOIN free USING (place) WHERE job.id = due.id RETURNING job.*
    ), noted AS (
        INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority) SELECT id, status, entrypoint, priority FROM taken
    )
    SELECT * FROM taken ORDER BY priority DESC, id
"""

# A dead worker's jobs keep the slots that they have.
_TAKE_OVER = """
    WITH stale AS (
        SELECT id FROM pgqueuer
        WHERE status = 'picked' AND entrypoint = $1 AND heartbeat < now() - CAST($4 AS interval) AND execute_after < now()
        ORDER BY priority DESC, id LIMIT $2 FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE pgqueuer job SET updated = now(), heartbeat = now(), queue_manager_id = $3
        FROM stale WHERE job.id = stale.id RETURNING job.*
    ), noted AS (
        INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority) SELECT id, status, entrypoint, priority FROM taken
    )
    SELECT * FROM taken ORDER BY priority DESC, id
"""

# As the library's statement, but a rest that was written down before (enqueue.rest) is kept. In how many seconds it is due again.
_PUT_BACK = """
    WITH resting AS (
        UPDATE pgqueuer SET status = 'queued', execute_after = greatest(execute_after, now() + CAST($2 AS interval)),
            attempts = attempts + 1, updated = now(), queue_manager_id = NULL
        WHERE id = $1 RETURNING id, entrypoint, priority, execute_after
    ), noted AS (
        INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, traceback)
        SELECT id, 'queued', entrypoint, priority, CAST($3 AS jsonb) FROM resting
    )
    SELECT extract(epoch FROM execute_after - now())::float8 AS due_in_s FROM resting
"""


class PatientQueries(Queries):
    """The library's statements, with a `dequeue` that returns when it has jobs, or nothing when the worker stops."""

    def __init__(self, driver: SteadyDriver) -> None:
        super().__init__(driver)
        self._steady = driver
        self._ours: dict[JobId, QueueEntrypoint] = {}
        self._news = asyncio.Event()
        self._news.set()
        self._is_for_a_slot = False
        self._looks_for_stale_at_s = 0.0
        driver.on_announcement(self._hear)

    @override
    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        limits = {entrypoint: parameter.concurrency_limit for entrypoint, parameter in entrypoints.items()}
        while True:
            await self._wait()
            if self._steady.stopping.is_set():
                return []
            # Cleared first: what is announced during the look may not be in it, and is looked for again.
            self._news.clear()
            jobs = await self._take(limits, batch_size, queue_manager_id)
            if (now_s := asyncio.get_running_loop().time()) >= self._looks_for_stale_at_s:
                self._looks_for_stale_at_s = now_s + LOOK_EVERY_S
                jobs += await self._take_over(limits, batch_size, queue_manager_id, heartbeat_timeout)
            self._ours.update((job.id, QueueEntrypoint(job.entrypoint)) for job in jobs)
            if len(jobs) >= batch_size:
                self._news.set()
            # Jobs that are due and were not given to us: another worker has them locked, or all slots are taken.
            is_missing_some = not jobs and await self.eligible_queued_work(list(entrypoints)) > 0
            self._is_for_a_slot = is_missing_some or self._is_full(limits)
            if jobs:
                return jobs

    @override
    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        await super().log_jobs(job_status)
        for job, _, _ in job_status:
            self._ours.pop(job.id, None)
        self._note_free_slot()

    @override
    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        # Before it is back in the queue, where we may take it again at once.
        self._ours.pop(job.id, None)
        traceback = traceback_record.model_dump_json() if traceback_record else None
        put_back = await self.driver.fetch(_PUT_BACK, job.id, delay, traceback)
        self._note_free_slot()
        # An UPDATE is announced to nobody. Other workers find it at their next look.
        for row in put_back:
            asyncio.get_running_loop().call_later(cast("float", row["due_in_s"]) + DUE_MARGIN_S, self._news.set)

    def wake(self) -> None:
        """Look now: for a worker that stops."""
        self._news.set()

    async def _take(self, limits: Mapping[QueueEntrypoint, int], batch_size: int, manager: QueueManagerId) -> list[Job]:
        jobs: list[Job] = []
        for entrypoint, slots in limits.items():
            try:
                rows = await self.driver.fetch(_TAKE, entrypoint, batch_size, slots, manager)
            except Exception as error:
                if not lost_capacity_slot_race(error, SLOTS):
                    raise
                self._news.set()
            else:
                jobs += map(Job.model_validate, rows)
        return jobs

    async def _take_over(
        self, limits: Mapping[QueueEntrypoint, int], batch_size: int, manager: QueueManagerId, stale_after: timedelta
    ) -> list[Job]:
        looks = [await self.driver.fetch(_TAKE_OVER, entrypoint, batch_size, manager, stale_after) for entrypoint in limits]
        return [Job.model_validate(row) for rows in looks for row in rows]

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_FOR_A_SLOT_EVERY_S if self._is_for_a_slot else LOOK_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            return

    def _hear(self, payload: str) -> bool:
        event = json.loads(payload)
        if event.get("type") != "table_changed_event":
            return False
        if event["operation"] != "delete" or self._is_for_a_slot:
            self._news.set()
        return True

    def _is_full(self, limits: Mapping[QueueEntrypoint, int]) -> bool:
        running = Counter(self._ours.values())
        return any(running[entrypoint] >= slots for entrypoint, slots in limits.items())

    def _note_free_slot(self) -> None:
        if self._is_for_a_slot:
            self._news.set()
