"""A task's life: waiting for a free place, running for its delay, ending; and those who wait for its end."""

import asyncio
from collections import deque
from collections.abc import Callable

from simulator import clock
from simulator.answers import CONCURRENCY_LIMIT, RATE_LIMIT, ApiError
from simulator.predictions import Outcome, Prediction
from simulator.state import SimulatorState

MINUTE_NS = 60 * clock.NS_PER_S
LONGEST_TIMER_S = 30 * 24 * 3600.0


class Lifecycle:
    """Moves predictions from created to their end: one timer per running task, nothing per waiting one."""

    def __init__(
        self,
        state: SimulatorState,
        *,
        image_problem: Callable[[Prediction], Outcome | None],
        on_end: Callable[[Prediction], None],
    ) -> None:
        self._state = state
        self._image_problem = image_problem
        self._on_end = on_end
        self._running: dict[str, asyncio.TimerHandle | None] = {}
        self._waiting: deque[Prediction] = deque()
        self._accepted_ns: deque[int] = deque()
        self._ends: dict[str, asyncio.Event] = {}

    def refuse_over_limit(self) -> None:
        """Raise the 429 of a full account: too many this minute, or too many at once where the mode is `429`.

        The wording for concurrency was seen live; the one for the minute is inferred (protocol 5.1, 5.4).
        """
        behaviour, now = self._state.behaviour, clock.now_ns()
        while self._accepted_ns and self._accepted_ns[0] <= now - MINUTE_NS:
            self._accepted_ns.popleft()
        if behaviour.per_minute_max is not None and len(self._accepted_ns) >= behaviour.per_minute_max:
            raise ApiError(429, RATE_LIMIT, headers=self._retry_after())
        if behaviour.over_limit == "429" and not self._has_place():
            raise ApiError(429, CONCURRENCY_LIMIT, headers=self._retry_after())

    def _retry_after(self) -> dict[str, str] | None:
        seconds = self._state.behaviour.retry_after_s
        return None if seconds is None else {"Retry-After": f"{seconds:g}"}

    def _has_place(self) -> bool:
        most = self._state.behaviour.concurrent_max
        return most is None or len(self._running) + len(self._waiting) < most

    def accept(self, prediction: Prediction) -> None:
        """Start the task, or let it wait for a place."""
        self._accepted_ns.append(prediction.created_ns)
        self._waiting.append(prediction)
        self.fill_places()

    def resume(self) -> None:
        """Go on with the unfinished tasks of an earlier run of the same state directory; due ones end at once."""
        for prediction in self._state.predictions.values():
            if prediction.is_final:
                continue
            if prediction.started_ns is None:
                self._waiting.append(prediction)
            else:
                prediction.status = "processing"
                spent_s = (clock.now_ns() - prediction.started_ns) / clock.NS_PER_S
                self._set_timer(prediction, spent_s)
        self.fill_places()

    def fill_places(self) -> None:
        """Start waiting tasks, oldest first, while the account has a place."""
        most = self._state.behaviour.concurrent_max
        while self._waiting and (most is None or len(self._running) < most):
            prediction = self._waiting.popleft()
            self._state.mark_started(prediction)
            self._set_timer(prediction, 0.0)

    def _set_timer(self, prediction: Prediction, spent_s: float) -> None:
        if prediction.delay_s is None:
            self._running[prediction.id] = None
            return
        left_s = min(max(0.0, prediction.delay_s - spent_s), LONGEST_TIMER_S)
        self._running[prediction.id] = asyncio.get_running_loop().call_later(left_s, self._end, prediction)

    def end_now(self, prediction: Prediction) -> None:
        """End the task at once with its planned outcome, wherever it stands."""
        timer = self._running.get(prediction.id)
        if timer is not None:
            timer.cancel()
        if prediction in self._waiting:
            self._waiting.remove(prediction)
        self._end(prediction)

    def _end(self, prediction: Prediction) -> None:
        self._running.pop(prediction.id, None)
        if prediction.outcome.status == "completed":
            prediction.outcome = self._image_problem(prediction) or prediction.outcome
        self._state.mark_finished(prediction)
        end = self._ends.pop(prediction.id, None)
        if end is not None:
            end.set()
        self._on_end(prediction)
        self.fill_places()

    async def wait_for_end(self, prediction: Prediction, seconds: float) -> bool:
        """Wait until the task ends; False when the seconds ran out or the simulator closes first."""
        if prediction.is_final:
            return True
        end = self._ends.setdefault(prediction.id, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await end.wait()
        except TimeoutError:
            return False
        return prediction.is_final

    def close(self) -> None:
        """Cancel all timers and wake everybody who waits for an end."""
        for timer in self._running.values():
            if timer is not None:
                timer.cancel()
        for end in self._ends.values():
            end.set()
        self._running.clear()
        self._waiting.clear()
