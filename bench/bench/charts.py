"""Pictures of figures as SVG, by hand and without a library: a distribution on a logarithmic axis, and lines over a count."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 56, 92
COLOURS = ("#1b6ca8", "#c8553d", "#4f772d", "#7d5ba6")
_INK, _GRID, _PAPER = "#222222", "#dddddd", "#ffffff"
_POINTS_MAX = 200

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """Values of one kind, for a distribution."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class _Axis:
    """One axis: from where to where, its ticks, and how a value becomes a place on it (0 to 1)."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands; what lies outside stands at the edge."""
        value = min(max(value, self.low), self.high)
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def distribution(title: str, label: str, series: Sequence[Series]) -> str:
    """How many of the values are below each value: a steep line far left is good."""
    values = [max(value, 0.01) for one in series for value in one.values]
    across = _log_axis(label, values)
    upright = _Axis("share of all, %", 0, 100, (0, 25, 50, 75, 90, 100))
    drawn = {}
    for one in series:
        ranked = sorted(max(value, 0.01) for value in one.values)
        step = max(1, len(ranked) // _POINTS_MAX)
        places = [*range(0, len(ranked), step), len(ranked) - 1] if ranked else []
        drawn[f"{one.name} ({len(ranked):,})"] = [(ranked[place], 100 * (place + 1) / len(ranked)) for place in places]
    return _draw(title, across, upright, drawn, has_dots=False)


def lines(title: str, across_label: str, upright_label: str, series: Mapping[str, Sequence[Point]]) -> str:
    """One line per series, a dot per measured point."""
    xs = sorted({x for points in series.values() for x, _ in points})
    across = _Axis(across_label, 0, xs[-1] * 1.05, xs)
    return _draw(title, across, _linear_axis(upright_label, [y for points in series.values() for _, y in points]), series)


def _draw(title: str, across: _Axis, upright: _Axis, series: Mapping[str, Sequence[Point]], *, has_dots: bool = True) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Helvetica, Arial, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{_PAPER}"/>',
        _text(LEFT, 28, title, size=17, anchor="start"),
        *_axes(across, upright),
    ]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(_x(across, x), _y(upright, y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        if has_dots:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
        left = LEFT + number * (WIDTH - LEFT - RIGHT) / max(2, len(series))
        parts.append(f'<rect x="{left:.0f}" y="{HEIGHT - 26}" width="18" height="4" fill="{colour}"/>')
        parts.append(_text(left + 24, HEIGHT - 20, name, anchor="start"))
    return "\n".join([*parts, "</svg>", ""])


def _axes(across: _Axis, upright: _Axis) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in across.ticks:
        x = _x(across, tick)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{_GRID}"/>')
        parts.append(_text(x, bottom + 18, _number(tick)))
    for tick in upright.ticks:
        y = _y(upright, tick)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{_GRID}"/>')
        parts.append(_text(LEFT - 8, y + 4, _number(tick), anchor="end"))
    parts.append(f'<polyline points="{LEFT},{TOP} {LEFT},{bottom} {right},{bottom}" fill="none" stroke="{_INK}"/>')
    parts.append(_text((LEFT + right) / 2, bottom + 38, across.label))
    middle = (TOP + bottom) / 2
    parts.append(f'<g transform="translate(20 {middle:.0f}) rotate(-90)">{_text(0, 0, upright.label)}</g>')
    return parts


def _log_axis(label: str, values: Sequence[float]) -> _Axis:
    low = 10 ** math.floor(math.log10(min(values, default=1)))
    high = 10 ** math.ceil(math.log10(max(values, default=10) * 1.001))
    decades = range(round(math.log10(low)), round(math.log10(high)) + 1)
    steps = (1,) if len(decades) > 4 else (1, 2, 5)  # noqa: PLR2004 - more would not be legible
    ticks = [step * 10.0**decade for decade in decades for step in steps if step * 10.0**decade <= high]
    return _Axis(label, low, high, ticks, is_log=True)


def _linear_axis(label: str, values: Sequence[float]) -> _Axis:
    top = max(values, default=1) or 1
    step = 10 ** math.floor(math.log10(top))
    step = next(size for size in (step / 5, step / 2, step, 2 * step) if top / size <= 6)  # noqa: PLR2004 - at most six lines
    count = math.ceil(top / step)
    return _Axis(label, 0, count * step, [number * step for number in range(count + 1)])


def _x(axis: _Axis, value: float) -> float:
    return LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: _Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - BOTTOM - TOP)


def _text(x: float, y: float, words: str, *, size: int = 13, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{_INK}">{escape(words)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"
