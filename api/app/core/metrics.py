"""What this process counts, by the names that stand at /metrics. What the database knows is read per scrape (domain/stats)."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

SUBMITS = Counter("rassom_submits_total", "Submits that were accepted: new ones and replayed ones", ["outcome"])
REFUSALS = Counter("rassom_refusals_total", "Answers that refuse, by route and error code", ["route", "code"])
BUSY_REFUSALS = Counter("rassom_busy_refusals_total", "Requests that this process refused because it had too many in hand")
REQUESTS_AT_ONCE = Gauge("rassom_requests_at_once", "Requests that this process works on now")
GENERATIONS_ENDED = Counter(
    "rassom_generations_ended_total", "Generations by their end, settled by this process", ["model", "status", "error_code"]
)
LEDGER_TRANSFERS = Counter("rassom_ledger_transfers_total", "Transfers written by this process", ["entry_type"])
BREAKER_OPENINGS = Counter("rassom_breaker_openings_total", "Openings of the breaker by this process, by reason", ["reason"])
ATTEMPTS_FOUND = Counter(
    "rassom_attempts_found_total", "Attempts whose lost answer was found in the provider's history, by their state then", ["state"]
)
ORPHANS = Counter("rassom_orphans_total", "Tasks that turned up after their generation had failed", ["status"])
REAPED = Counter("rassom_reaped_total", "What the reaper found, at each of its rounds", ["found"])
PROVIDER_SECONDS = Histogram(
    "rassom_provider_request_seconds",
    "Calls to the provider by operation and outcome",
    ["operation", "outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 90, 120, 180),
)

# Upper bounds in seconds, as they are told at /metrics.
_TOOK_AT_MOST = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "+Inf")
_BOUNDS = tuple(map(float, _TOOK_AT_MOST))


@dataclass
class _Ended:
    """Requests of one kind that have ended: how many by the least bound that they kept to, and their seconds in all."""

    counts: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    seconds: float = 0.0

    def add(self, other: "_Ended") -> None:
        self.counts = [mine + more for mine, more in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds


class _Requests(Collector):
    """Requests by method, status and route, and their times. Kept by ourselves: the library's series take three microseconds for
    each request (docs/decisions/0022). The event loop alone counts and reads, so there is no lock.
    """

    def __init__(self) -> None:
        self._ended: dict[tuple[str, int, str], _Ended] = {}

    def count(self, method: str, status: int, handler: str, took_s: float) -> None:
        ended = self._ended.get((method, status, handler))
        if ended is None:
            ended = self._ended[method, status, handler] = _Ended()
        ended.counts[bisect_left(_BOUNDS, took_s)] += 1
        ended.seconds += took_s

    @override
    def collect(self) -> Iterator[Metric]:
        labels = ["method", "status", "handler"]
        counts = CounterMetricFamily("http_requests", "Requests by method, status and route", labels=labels)
        by_route: dict[tuple[str, str], _Ended] = {}
        for (method, status, handler), ended in self._ended.items():
            counts.add_metric([method, str(status), handler], sum(ended.counts))
            by_route.setdefault((method, handler), _Ended()).add(ended)
        yield counts
        times = HistogramMetricFamily(
            "http_request_duration_seconds", "How long a request took, by route", labels=["method", "handler"]
        )
        for route, ended in by_route.items():
            buckets = list(zip(_TOOK_AT_MOST, map(float, accumulate(ended.counts)), strict=True))
            times.add_metric(route, buckets, ended.seconds)
        yield times


_requests = _Requests()
REGISTRY.register(_requests)
# A request that has ended: its method, status, route as it was declared, and how long it took in seconds.
count_request = _requests.count
