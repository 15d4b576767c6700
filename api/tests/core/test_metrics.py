"""Requests as Prometheus reads them, counted by ourselves."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.core.metrics import _Requests


class TestRequests:
    def samples(self, requests: _Requests) -> dict[tuple[str, ...], float]:
        """What a scrape reads: name, status or bound, and route, with the value."""
        registry = CollectorRegistry()
        registry.register(requests)
        families = text_string_to_metric_families(generate_latest(registry).decode())
        return {
            (sample.name, sample.labels.get("status") or sample.labels.get("le") or "", sample.labels["handler"]): sample.value
            for family in families
            for sample in family.samples
        }

    def test_are_counted_by_status_and_timed_by_route(self) -> None:
        requests = _Requests()
        for status, handler, took_s in ((200, "/a", 0.001), (200, "/a", 0.005), (503, "/a", 0.0051), (200, "/b", 31.0)):
            requests.count("GET", status, handler, took_s)

        seen = self.samples(requests)

        assert seen["http_requests_total", "200", "/a"] == 2
        assert seen["http_requests_total", "503", "/a"] == 1
        bucket = "http_request_duration_seconds_bucket"
        assert [seen[bucket, bound, "/a"] for bound in ("0.005", "0.01", "30.0", "+Inf")] == [2, 3, 3, 3]
        assert [seen[bucket, bound, "/b"] for bound in ("30.0", "+Inf")] == [0, 1]
        assert seen["http_request_duration_seconds_count", "", "/a"] == 3
        assert round(seen["http_request_duration_seconds_sum", "", "/a"], 4) == 0.0111
