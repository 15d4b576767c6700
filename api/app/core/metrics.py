"""What this process counts, by the names that stand at /metrics. What the database knows is read per scrape (domain/stats)."""

from prometheus_client import Counter, Gauge, Histogram

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
REQUESTS = Counter("http_requests_total", "Requests by method, status and route", ["method", "status", "handler"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds", "How long a request took, by route", ["method", "handler"], buckets=(0.1, 0.5, 1)
)
REQUEST_SECONDS_FINE = Histogram(
    "http_request_duration_highr_seconds",
    "How long a request took, of all routes together",
    buckets=(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60),
)


_ends: dict[tuple[str, int, str], tuple[Counter, Histogram]] = {}


def count_request(method: str, status: int, handler: str, took_s: float) -> None:
    """Count a request that has ended. Looking its series up by their labels would cost more than counting, so they are kept."""
    end = method, status, handler
    series = _ends.get(end)
    if series is None:
        series = _ends[end] = REQUESTS.labels(method, str(status), handler), REQUEST_SECONDS.labels(method, handler)
    ended, seconds = series
    ended.inc()
    seconds.observe(took_s)
    REQUEST_SECONDS_FINE.observe(took_s)
