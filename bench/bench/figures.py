"""What was measured, beside its floor and its target; and the table that shows it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["ok", "MISSED", "-"]


@dataclass(frozen=True)
class Figure:
    """One measured value. `floor` is the same measure of a bare program in the same run; the ratio is value / floor.

    The target is for the ratio where `is_ratio` says so, else for the value. Without one the figure is only told.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    is_ratio: bool = False

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its floor."""
        return self.value / self.floor if self.floor else None

    @property
    def verdict(self) -> Verdict:
        """Whether the target was reached; a dash without one. A value that could not be measured reaches none."""
        judged = self.ratio if self.is_ratio else self.value
        if self.at_most is None and self.at_least is None:
            return "-"
        if judged is None or math.isnan(judged):
            return "MISSED"
        is_low = self.at_least is not None and judged < self.at_least
        is_high = self.at_most is not None and judged > self.at_most
        return "MISSED" if is_low or is_high else "ok"

    @property
    def target(self) -> str:
        """The target in words."""
        what = "ratio " if self.is_ratio else ""
        if self.at_most is not None:
            return f"{what}<= {_short(self.at_most)}"
        return f"{what}>= {_short(self.at_least)}" if self.at_least is not None else ""

    def to_json(self) -> dict[str, Any]:
        """The figure with what follows from it."""
        return asdict(self) | {"ratio": self.ratio, "target": self.target, "verdict": self.verdict}


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of 100 do not exceed (nearest rank); not a number of nothing."""
    if not values:
        return math.nan
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines of a table: figure, value, floor, ratio, target, verdict."""
    rows = [("figure", "value", "floor", "ratio", "target", "verdict")]
    rows += [
        (
            figure.name,
            f"{_short(figure.value)} {figure.unit}".strip(),
            "" if figure.floor is None else _short(figure.floor),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.target,
            figure.verdict,
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _short(value: float) -> str:
    if math.isnan(value):
        return "nothing"
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2  # noqa: PLR2004 - three places are enough
    return f"{value:,.{digits}f}"
