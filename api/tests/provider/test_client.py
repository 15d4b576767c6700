"""The client against a provider that misbehaves: each way is told apart by what is known of the task, and nothing is sent twice."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.core.model_options import MODEL_OPTIONS
from app.provider.client import ProviderClient
from app.provider.errors import BusyError, ProviderError, RefusedError, TaskGoneError, UnknownError
from app.provider.wire import Order, Task, TaskState, build_order
from simulator.server import RunningSimulator
from tests.conftest import SIMULATOR_KEY
from tests.factories import NO_TLS, provider_log

TIMEOUT_S = 0.3
REFUSED = ["submit_400", "submit_401", "submit_403", "submit_404", "api_401", "api_403"]
BUSY = ["submit_429", "api_429"]
UNKNOWN = [
    "submit_cut_before_accept", "submit_500_before_accept", "submit_502_before_accept", "submit_503_before_accept",
    "submit_504_before_accept", "submit_slow_before_accept", "submit_envelope_error",
    "submit_cut_after_accept", "submit_500_after_accept", "submit_502_after_accept", "submit_503_after_accept",
    "submit_504_after_accept", "submit_html_after_accept", "submit_garbage_after_accept", "submit_null_data_after_accept",
    "submit_slow_after_accept", "sync_timeout_504", "api_500", "api_502", "api_503", "api_504", "api_html", "api_garbage",
    "api_cut", "api_slow", "api_envelope_error",
]  # fmt: skip
UNUSABLE_READS = [
    "poll_cut", "poll_401", "poll_429", "poll_500", "poll_502", "poll_503", "poll_504", "poll_html", "poll_garbage",
    "poll_null_data", "poll_envelope_error", "api_403", "api_html", "api_cut",
]  # fmt: skip


@pytest.fixture
async def provider(simulator: RunningSimulator) -> AsyncIterator[ProviderClient]:
    async with ProviderClient(f"{simulator.url}/api/v3", SIMULATOR_KEY, submit_timeout_s=TIMEOUT_S) as client:
        yield client


def an_order(prompt: str = "a door", *, is_sync: bool = True) -> Order:
    return build_order(
        MODEL_OPTIONS["seedream-v4"],
        prompt=prompt,
        size=None,
        aspect_ratio=None,
        resolution=None,
        reference_urls=(),
        is_sync=is_sync,
    )


async def fault(simulator: RunningSimulator, kind: str, **more: Any) -> None:
    """Make the provider misbehave from now on."""
    async with httpx2.AsyncClient(base_url=f"{simulator.url}/sim", verify=NO_TLS) as control:
        (await control.post("/faults", json={"kind": kind, "times": None, **more})).raise_for_status()


async def posts(simulator: RunningSimulator) -> int:
    return len(await provider_log(simulator, "POST"))


async def failure_of_submit(provider: ProviderClient, prompt: str = "a door") -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        await provider.submit(an_order(prompt))
    return failed.value


class TestSubmit:
    async def test_returns_the_finished_task_in_sync_mode(self, provider: ProviderClient) -> None:
        task = await provider.submit(an_order())

        assert (task.state, task.status, task.code, task.error, len(task.outputs)) == (TaskState.COMPLETED, "completed", 0, "", 1)

    async def test_returns_the_working_task_otherwise(self, provider: ProviderClient) -> None:
        task = await provider.submit(an_order(is_sync=False))

        assert (task.state, task.outputs) == (TaskState.PENDING, ())

    async def test_returns_the_failed_task(self, provider: ProviderClient) -> None:
        task = await provider.submit(an_order("[sim:fail=1200]"))

        assert (task.state, task.code) == (TaskState.FAILED, 1200)

    async def test_takes_a_sync_timeout_under_200_for_a_working_task(self, provider: ProviderClient) -> None:
        task = await provider.submit(an_order("[sim:sync_timeout_5004]"))

        assert (task.state, task.code) == (TaskState.PENDING, 5004)

    @pytest.mark.parametrize("kind", REFUSED)
    async def test_is_refused_for_good(self, provider: ProviderClient, simulator: RunningSimulator, kind: str) -> None:
        await fault(simulator, kind)

        assert type(await failure_of_submit(provider)) is RefusedError
        assert await posts(simulator) == 1

    @pytest.mark.parametrize("kind", BUSY)
    async def test_is_refused_for_now(self, provider: ProviderClient, simulator: RunningSimulator, kind: str) -> None:
        await fault(simulator, kind, retry_after=7)

        failure = await failure_of_submit(provider)

        assert isinstance(failure, BusyError)
        assert (failure.is_down, failure.retry_after_s) == (False, 7.0)
        assert await posts(simulator) == 1

    async def test_is_refused_for_now_without_saying_for_how_long(
        self, provider: ProviderClient, simulator: RunningSimulator
    ) -> None:
        await fault(simulator, "submit_429")

        failure = await failure_of_submit(provider)

        assert isinstance(failure, BusyError)
        assert failure.retry_after_s is None

    async def test_is_refused_for_now_by_the_code_of_an_empty_account(
        self, provider: ProviderClient, simulator: RunningSimulator
    ) -> None:
        await fault(simulator, "submit_envelope_error", code=1407, message="no more money")

        failure = await failure_of_submit(provider)

        assert isinstance(failure, BusyError)
        assert failure.is_out_of_credit

    @pytest.mark.parametrize("prompt", ["[sim:insufficient_credits]", "[sim:submit_answers_failed=1407]"])
    async def test_is_refused_for_now_by_an_empty_account(self, provider: ProviderClient, prompt: str) -> None:
        failure = await failure_of_submit(provider, prompt)

        assert isinstance(failure, BusyError)
        assert (failure.is_out_of_credit, failure.is_down) == (True, False)

    async def test_is_not_refused_for_now_because_a_message_mentions_credits(
        self, provider: ProviderClient, simulator: RunningSimulator
    ) -> None:
        await fault(simulator, "submit_400", message='field "prompt" must not be "insufficient credits"')

        assert type(await failure_of_submit(provider)) is RefusedError

    @pytest.mark.parametrize("kind", UNKNOWN)
    async def test_is_lost(self, provider: ProviderClient, simulator: RunningSimulator, kind: str) -> None:
        await fault(simulator, kind)

        assert type(await failure_of_submit(provider)) is UnknownError
        assert await posts(simulator) == 1

    async def test_is_not_sent_again_over_a_connection_that_dies(
        self, provider: ProviderClient, simulator: RunningSimulator
    ) -> None:
        await provider.submit(an_order())  # from now on there is a connection to be used again
        await fault(simulator, "submit_cut_before_accept")

        assert type(await failure_of_submit(provider)) is UnknownError
        assert await posts(simulator) == 2

    async def test_that_finds_nobody_says_that_the_provider_is_down(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/api/v3"
        async with ProviderClient(nowhere, SIMULATOR_KEY, submit_timeout_s=TIMEOUT_S) as client:
            failure = await failure_of_submit(client)

        assert isinstance(failure, BusyError)
        assert failure.is_down

    async def test_that_finds_no_such_name_says_that_the_provider_is_down(self) -> None:
        async with ProviderClient("https://provider.invalid/api/v3", SIMULATOR_KEY, submit_timeout_s=TIMEOUT_S) as client:
            failure = await failure_of_submit(client)

        assert isinstance(failure, BusyError)
        assert failure.is_down

    async def test_keeps_the_key_out_of_what_it_says(self, provider: ProviderClient, simulator: RunningSimulator) -> None:
        for kind in ("api_401", "submit_cut_before_accept", "api_html"):
            await fault(simulator, kind, times=1)
            assert SIMULATOR_KEY not in (await failure_of_submit(provider)).reason


class TestRead:
    async def submitted(self, provider: ProviderClient, prompt: str = "a door") -> Task:
        return await provider.submit(an_order(prompt, is_sync=False))

    @pytest.mark.parametrize("kind", UNUSABLE_READS)
    async def test_without_a_usable_answer_is_to_be_asked_again(
        self, provider: ProviderClient, simulator: RunningSimulator, kind: str
    ) -> None:
        task = await self.submitted(provider)
        await fault(simulator, kind)

        with pytest.raises(BusyError):
            await provider.read(task.id)

    async def test_of_an_unknown_task_says_so(self, provider: ProviderClient, simulator: RunningSimulator) -> None:
        task = await self.submitted(provider)
        await fault(simulator, "poll_404")
        for task_id in (task.id, "0" * 32):
            with pytest.raises(TaskGoneError):
                await provider.read(task_id)

    @pytest.mark.parametrize(
        ("marker", "state", "pictures"),
        [
            ("status_timeout", TaskState.FAILED, 0),
            ("status_cancelled", TaskState.FAILED, 0),
            ("status_deleted", TaskState.FAILED, 0),
            ("fail", TaskState.FAILED, 0),
            ("empty_outputs", TaskState.COMPLETED, 0),
            ("null_outputs", TaskState.COMPLETED, 0),
            ("missing_outputs", TaskState.COMPLETED, 0),
            ("object_outputs", TaskState.COMPLETED, 0),
            ("status_unknown", TaskState.COMPLETED, 1),
            ("minimal_fields", TaskState.COMPLETED, 1),
            ("legacy_fields", TaskState.COMPLETED, 1),
            ("foreign_poll_url", TaskState.COMPLETED, 1),
            ("alias_model", TaskState.COMPLETED, 1),
            ("old_submit_shape", TaskState.COMPLETED, 1),
        ],
    )
    async def test_takes_every_shape_of_an_end(
        self, provider: ProviderClient, marker: str, state: TaskState, pictures: int
    ) -> None:
        task = await self.submitted(provider, f"[sim:{marker}]")
        while (seen := await provider.read(task.id)).state is TaskState.PENDING:
            pass

        assert (seen.id, seen.state, len(seen.outputs)) == (task.id, state, pictures)

    @pytest.mark.parametrize("code", [1200, 1400, 1402, 1405, 5000, 5003])
    async def test_tells_why_a_task_failed(self, provider: ProviderClient, code: int) -> None:
        task = await self.submitted(provider, f"[sim:fail={code}]")
        while (seen := await provider.read(task.id)).state is TaskState.PENDING:
            pass

        assert (seen.code, bool(seen.error)) == (code, True)

    async def test_asks_the_provider_and_not_the_address_in_its_answer(
        self, provider: ProviderClient, simulator: RunningSimulator
    ) -> None:
        task = await self.submitted(provider, "[sim:foreign_poll_url]")
        await provider.read(task.id)

        (read,) = await provider_log(simulator, "GET")
        assert read["path"] == f"/api/v3/predictions/{task.id}/result"


class TestBalance:
    async def test_is_what_our_account_has(self, provider: ProviderClient, simulator: RunningSimulator) -> None:
        async with httpx2.AsyncClient(base_url=f"{simulator.url}/sim", verify=NO_TLS) as control:
            (await control.put("/config", json={"balance": 12.34})).raise_for_status()

        assert await provider.read_balance() == 12.34

    @pytest.mark.parametrize("kind", ["api_401", "api_403"])
    async def test_is_refused_to_a_key_that_is_not_good(
        self, provider: ProviderClient, simulator: RunningSimulator, kind: str
    ) -> None:
        await fault(simulator, kind)
        with pytest.raises(RefusedError):
            await provider.read_balance()

    @pytest.mark.parametrize("kind", ["api_cut", "api_500", "api_502", "api_429", "api_html", "api_garbage", "api_envelope_error"])
    async def test_is_not_known_from_anything_else(self, provider: ProviderClient, simulator: RunningSimulator, kind: str) -> None:
        await fault(simulator, kind)
        with pytest.raises(BusyError):
            await provider.read_balance()
