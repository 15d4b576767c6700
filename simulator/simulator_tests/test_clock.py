"""Times as the wire writes them (protocol 2.2)."""

import pytest

from simulator import clock

MOMENT_NS = 1_776_442_287_906_758_750


class TestRfc3339:
    @pytest.mark.parametrize(
        ("moment_ns", "text"),
        [
            (MOMENT_NS, "2026-04-17T16:11:27.90675875Z"),
            (MOMENT_NS // 10**9 * 10**9, "2026-04-17T16:11:27Z"),
            (MOMENT_NS // 10**9 * 10**9 + 1, "2026-04-17T16:11:27.000000001Z"),
        ],
    )
    def test_drops_trailing_zeros(self, moment_ns: int, text: str) -> None:
        assert clock.rfc3339(moment_ns) == text
        assert clock.parse_iso8601(text) == moment_ns


class TestParseIso8601:
    def test_reads_zones_and_takes_none_as_utc(self) -> None:
        assert clock.parse_iso8601("2026-04-17T21:11:27.90675875+05:00") == MOMENT_NS
        assert clock.parse_iso8601("2026-04-17T16:11:27.90675875") == MOMENT_NS
        assert clock.parse_iso8601("2026-04-17") < MOMENT_NS

    @pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-04-17T16:11:27.5five"])
    def test_refuses_other_texts(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"Invalid|month|day"):
            clock.parse_iso8601(text)
