"""How well the provider is, and who may still be sent to it. Pure; the row that all processes share is kept by domain/supply.

closed ──failures in a row, or one that means all──▶ open ──cool-down over──▶ half-open: a few are let through
   ▲                                                  ▲                          │
   └──────────────────one of them worked──────────────┼──────────────────────────┤
                                                      └──one of them failed──────┘  a longer cool-down

While it is open only those that were let through move it: what was sent before it opened ends in its own time and proves nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.provider.errors import BusyError, ProviderError, RefusedError, UnknownError

COOL_DOWN_S = 5.0
COOL_DOWN_MAX_S = 60.0
KEY_COOL_DOWN_S = 300.0
PROBE_PAUSE_S = 2.0
PROBE_PAUSE_MAX_S = 60.0
ORDER_PAUSE_S = 5.0
BALANCE_FRESH_S = 300.0
SYNC_HELD_S = 60.0

_GATEWAY_TIMEOUT = 504


class Trouble(StrEnum):
    """What a submit says of the provider's health when it ends badly; refusing one order's content is none of them."""

    UNREACHABLE = "unreachable"
    FAILING = "failing"
    FORBIDDEN = "forbidden"
    KEY_REFUSED = "key_refused"
    OUT_OF_CREDIT = "out_of_credit"


AT_ONCE = frozenset({Trouble.KEY_REFUSED, Trouble.OUT_OF_CREDIT})
"""What one answer proves for every order; the others could be one order's bad luck, so it takes a run of them."""


@dataclass(frozen=True)
class Breaker:
    """`failures` in a row while closed. `opening` numbers the openings for ever; `opened_in_row` counts those without a success
    between. While open: `probes` let through so far, the next one at `probe_at`, the next new order at `order_at`.
    """

    reason: Trouble | None = None
    failures: int = 0
    opening: int = 0
    opened_in_row: int = 0
    probes: int = 0
    probe_at: datetime | None = None
    order_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether only probes are sent."""
        return self.reason is not None


@dataclass(frozen=True)
class Standing:
    """The breaker and the balance as they were at `now` by the database's clock."""

    breaker: Breaker
    now: datetime
    balance_usd: float | None = None
    balance_read_at: datetime | None = None

    @property
    def known_balance_usd(self) -> float | None:
        """The provider's balance, if it was read in the last minutes."""
        if self.balance_read_at is None or (self.now - self.balance_read_at).total_seconds() > BALANCE_FRESH_S:
            return None
        return self.balance_usd

    @property
    def is_half_open(self) -> bool:
        """Whether the cool-down is over, and the first probe may decide."""
        return self.breaker.is_open and (self.breaker.probes > 0 or self.probe_in_s == 0)

    @property
    def probe_in_s(self) -> float:
        """In how many seconds the next waiting order may be sent; 0: now."""
        return self._in_s(self.breaker.probe_at)

    @property
    def order_in_s(self) -> float:
        """In how many seconds the next new order may be accepted; 0: now."""
        return self._in_s(self.breaker.order_at)

    def _in_s(self, at: datetime | None) -> float:
        return max(0.0, (at - self.now).total_seconds()) if at else 0.0


def failed(breaker: Breaker, trouble: Trouble, now: datetime, *, limit: int, probe: int | None) -> Breaker:
    """After a submit that went wrong; `probe` is the opening that let it through, `limit` the failures in a row that open it."""
    if breaker.is_open:
        return _opened(breaker, trouble, now) if probe == breaker.opening else breaker
    failures = breaker.failures + 1
    if trouble in AT_ONCE or failures >= limit:
        return _opened(breaker, trouble, now)
    return replace(breaker, failures=failures)


def worked(breaker: Breaker, *, probe: int | None) -> Breaker:
    """After a submit that the provider took."""
    if breaker.is_open and probe != breaker.opening:
        return breaker
    return Breaker(opening=breaker.opening)


def let_probe(breaker: Breaker, now: datetime) -> Breaker | None:
    """One waiting order is sent to an open breaker; None when it is too early. The pauses grow while no probe has come back."""
    if breaker.probe_at is None or now < breaker.probe_at:
        return None
    pause_s = min(PROBE_PAUSE_S * 2 ** min(breaker.probes, 10), PROBE_PAUSE_MAX_S)
    return replace(breaker, probes=breaker.probes + 1, probe_at=now + timedelta(seconds=pause_s))


def let_order(breaker: Breaker, now: datetime) -> Breaker | None:
    """One new order is accepted by an open breaker, so that there is something to probe with; None when it is too early."""
    if breaker.order_at is None or now < breaker.order_at:
        return None
    return replace(breaker, order_at=now + timedelta(seconds=ORDER_PAUSE_S))


def mended(breaker: Breaker, now: datetime) -> Breaker:
    """There is a sign that what opened it is over: the next probe may go at once."""
    return replace(breaker, opened_in_row=1, probes=0, probe_at=now, order_at=now)


def trouble_of(error: ProviderError, *, is_sync: bool, held_s: float) -> Trouble | None:
    """What a failed submit says of the provider's health; None when it says nothing (429, and one order's content refused)."""
    match error:
        case BusyError():
            if error.is_out_of_credit:
                return Trouble.OUT_OF_CREDIT
            return Trouble.UNREACHABLE if error.is_down else None
        case RefusedError():
            return {401: Trouble.KEY_REFUSED, 403: Trouble.FORBIDDEN}.get(error.status or 0)
        case UnknownError():
            # Sync mode's window was over before the picture was there: it is slow, and goes on.
            is_slow = is_sync and error.status == _GATEWAY_TIMEOUT and held_s >= SYNC_HELD_S
            return None if is_slow else Trouble.FAILING
        case _:
            return None


def _opened(breaker: Breaker, trouble: Trouble, now: datetime) -> Breaker:
    in_row = breaker.opened_in_row + 1
    # A probe of a key that is refused fails its customer's order, and reading the balance tells as well.
    pause_s = KEY_COOL_DOWN_S if trouble is Trouble.KEY_REFUSED else min(COOL_DOWN_S * 2 ** min(in_row - 1, 10), COOL_DOWN_MAX_S)
    again_at = now + timedelta(seconds=pause_s)
    return Breaker(trouble, opening=breaker.opening + 1, opened_in_row=in_row, probe_at=again_at, order_at=again_at)
