"""The breaker's rules: what opens it, whom it lets through, what closes it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.provider import health
from app.provider.errors import BusyError, ProviderError, RefusedError, TaskGoneError, UnknownError
from app.provider.health import Breaker, Standing, Trouble, trouble_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMIT = 5


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def opened(trouble: Trouble = Trouble.FAILING, now: datetime = NOON, before: Breaker | None = None) -> Breaker:
    return health.failed(before or Breaker(), trouble, now, limit=1, probe=before.opening if before else None)


def pause_s(breaker: Breaker, now: datetime = NOON) -> float:
    assert breaker.probe_at is not None
    return (breaker.probe_at - now).total_seconds()


class TestClosed:
    def test_opens_at_the_fifth_failure_in_a_row(self) -> None:
        breaker = Breaker()
        for _ in range(LIMIT - 1):
            breaker = health.failed(breaker, Trouble.FAILING, NOON, limit=LIMIT, probe=None)
            assert not breaker.is_open

        breaker = health.failed(breaker, Trouble.UNREACHABLE, NOON, limit=LIMIT, probe=None)

        assert (breaker.reason, breaker.opening) == (Trouble.UNREACHABLE, 1)

    def test_forgets_failures_at_a_success(self) -> None:
        breaker = Breaker(failures=LIMIT - 1)

        breaker = health.failed(health.worked(breaker, probe=None), Trouble.FAILING, NOON, limit=LIMIT, probe=None)

        assert (breaker.is_open, breaker.failures) == (False, 1)

    @pytest.mark.parametrize("trouble", [Trouble.KEY_REFUSED, Trouble.OUT_OF_CREDIT])
    def test_opens_at_once_for_what_is_true_of_every_order(self, trouble: Trouble) -> None:
        assert health.failed(Breaker(), trouble, NOON, limit=LIMIT, probe=None).reason is trouble


class TestOpen:
    def test_lets_nobody_through_before_its_cool_down_is_over(self) -> None:
        breaker = opened()

        assert health.let_probe(breaker, after(health.COOL_DOWN_S - 0.001)) is None
        assert health.let_order(breaker, after(health.COOL_DOWN_S - 0.001)) is None

    def test_lets_probes_through_with_growing_pauses(self) -> None:
        breaker, now, pauses = opened(), after(health.COOL_DOWN_S), []
        for _ in range(7):
            let = health.let_probe(breaker, now)
            assert let is not None
            assert health.let_probe(let, now) is None
            pauses.append(pause_s(let, now))
            breaker, now = let, now + timedelta(seconds=pauses[-1])

        assert pauses == [2, 4, 8, 16, 32, 60, 60]

    def test_lets_one_new_order_through_now_and_then(self) -> None:
        let = health.let_order(opened(), after(health.COOL_DOWN_S))

        assert let is not None
        assert health.let_order(let, after(health.COOL_DOWN_S + health.ORDER_PAUSE_S - 0.001)) is None
        assert health.let_order(let, after(health.COOL_DOWN_S + health.ORDER_PAUSE_S)) is not None

    def test_cools_down_longer_each_time_a_probe_fails_up_to_a_minute(self) -> None:
        breaker, pauses = opened(), [pause_s(opened())]
        for _ in range(5):
            breaker = opened(before=breaker)
            pauses.append(pause_s(breaker))

        assert pauses == [5, 10, 20, 40, 60, 60]

    def test_closes_when_a_probe_works_and_begins_with_short_pauses_again(self) -> None:
        breaker = opened(before=opened())

        closed = health.worked(breaker, probe=breaker.opening)

        assert closed == Breaker(opening=2)
        assert pause_s(opened(before=closed)) == health.COOL_DOWN_S

    @pytest.mark.parametrize("probe", [None, 1])
    def test_is_not_moved_by_what_was_sent_before_it_opened_or_in_an_earlier_opening(self, probe: int | None) -> None:
        breaker = opened(before=opened())

        assert health.worked(breaker, probe=probe) == breaker
        assert health.failed(breaker, Trouble.KEY_REFUSED, after(9), limit=1, probe=probe) == breaker

    def test_waits_longer_with_a_refused_key_because_each_probe_fails_an_order(self) -> None:
        assert pause_s(opened(Trouble.KEY_REFUSED)) == health.KEY_COOL_DOWN_S

    def test_is_tried_at_once_when_the_account_is_mended(self) -> None:
        mended = health.mended(opened(Trouble.OUT_OF_CREDIT), after(1))

        assert mended.is_open
        assert health.let_probe(mended, after(1)) is not None
        assert health.let_order(mended, after(1)) is not None

    def test_is_half_open_when_its_cool_down_is_over(self) -> None:
        breaker = opened()

        assert not Standing(Breaker(), NOON).is_half_open
        assert not Standing(breaker, NOON).is_half_open
        assert Standing(breaker, after(health.COOL_DOWN_S)).is_half_open
        assert Standing(health.let_probe(breaker, after(5)) or breaker, after(5.5)).is_half_open


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["failed", "worked", "probe", "order", "probe failed", "probe worked"]),
        st.sampled_from(Trouble),
        st.floats(min_value=0, max_value=90),
    ),
    max_size=60,
)


class TestWhateverHappens:
    @given(EVENTS)
    def test_it_is_open_exactly_with_a_next_probe_and_never_for_more_than_five_minutes(
        self, events: list[tuple[str, Trouble, float]]
    ) -> None:
        breaker, now = Breaker(), NOON
        for event, trouble, seconds in events:
            before, now = breaker, now + timedelta(seconds=seconds)
            probe = breaker.opening if "probe" in event and breaker.probes else None
            match event:
                case "failed" | "probe failed":
                    breaker = health.failed(breaker, trouble, now, limit=LIMIT, probe=probe)
                case "worked" | "probe worked":
                    breaker = health.worked(breaker, probe=probe)
                case "probe":
                    breaker = health.let_probe(breaker, now) or breaker
                case _:
                    breaker = health.let_order(breaker, now) or breaker
            assert breaker.is_open is (breaker.probe_at is not None) is (breaker.order_at is not None)
            assert not breaker.is_open or pause_s(breaker, now) <= health.KEY_COOL_DOWN_S
            assert breaker.opening - before.opening in {0, 1}
            assert breaker.failures < LIMIT
            assert not (before.is_open and not breaker.is_open) or probe == before.opening


class TestTrouble:
    @pytest.mark.parametrize(
        ("error", "trouble"),
        [
            (BusyError("", is_down=True), Trouble.UNREACHABLE),
            (BusyError("", is_down=False, is_out_of_credit=True), Trouble.OUT_OF_CREDIT),
            (BusyError("", is_down=False), None),
            (RefusedError("", status=401), Trouble.KEY_REFUSED),
            (RefusedError("", status=403), Trouble.FORBIDDEN),
            (RefusedError("", status=400), None),
            (RefusedError("", status=404), None),
            (UnknownError("", status=500), Trouble.FAILING),
            (UnknownError("", status=504), Trouble.FAILING),
            (UnknownError("reset"), Trouble.FAILING),
            (TaskGoneError(""), None),
        ],
    )
    def test_is_what_the_end_of_a_submit_says_of_the_provider(self, error: ProviderError, trouble: Trouble | None) -> None:
        assert trouble_of(error, is_sync=True, held_s=1) is trouble

    @pytest.mark.parametrize(("is_sync", "held_s", "trouble"), [(True, 90, None), (False, 90, Trouble.FAILING)])
    def test_is_not_a_window_of_sync_mode_that_was_over(self, is_sync: bool, held_s: float, trouble: Trouble | None) -> None:
        assert trouble_of(UnknownError("", status=504), is_sync=is_sync, held_s=held_s) is trouble


class TestBalance:
    def test_is_believed_for_five_minutes(self) -> None:
        assert Standing(Breaker(), after(300), 1.5, NOON).known_balance_usd == 1.5
        assert Standing(Breaker(), after(301), 1.5, NOON).known_balance_usd is None
        assert Standing(Breaker(), NOON).known_balance_usd is None
