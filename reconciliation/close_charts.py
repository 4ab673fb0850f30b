"""Charts as inline SVG: bars in proportion, labelled, without scripts and without anything loaded.

All lengths are whole units of the drawing; a bar is its share of the longest one, rounded down, and
at least one unit long where there is anything to show. The exact amount stands beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from contracts.units import mul_div_down

WIDTH = 720
_ROW, _BAR, _LABELS, _AMOUNTS = 26, 16, 190, 200
_DAY_HEIGHT, _DAY_BAR_MAX = 120, 24
_COLOURS = ("#2a6f6b", "#b5651d")


@dataclass(frozen=True, slots=True)
class Bar:
    """One amount with its name."""

    label: str
    amount: int


@dataclass(frozen=True, slots=True)
class DayBars:
    """Two amounts of one day."""

    label: str
    first: int
    second: int


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars, one below the other, in the order given."""
    longest = max((abs(bar.amount) for bar in bars), default=0)
    space = WIDTH - _LABELS - _AMOUNTS
    rows = "".join(_row(bar, place, longest, space) for place, bar in enumerate(bars))
    return _drawing(title, len(bars) * _ROW + 8, rows)


def day_chart(title: str, days: Sequence[DayBars], names: tuple[str, str]) -> str:
    """Two upright bars for each day, side by side, in the order given."""
    highest = max((max(day.first, day.second) for day in days), default=0)
    step = mul_div_down(WIDTH, 1, max(len(days), 1))
    half = min(max(mul_div_down(step, 2, 5), 1), _DAY_BAR_MAX)
    shapes = "".join(
        _upright(place * step, _share(amount, highest, _DAY_HEIGHT), half, side)
        + f"<title>{escape(name)}, {escape(day.label)}: {grouped(amount)}</title></rect>"
        for place, day in enumerate(days)
        for side, (name, amount) in enumerate(zip(names, (day.first, day.second), strict=True))
    )
    labels = "".join(
        f'<text x="{place * step}" y="{_DAY_HEIGHT + 14}" class="day">'
        f"{escape(day.label[-2:])}</text>"
        for place, day in enumerate(days)
    )
    legend = "".join(
        f'<tspan fill="{colour}">■</tspan> {escape(name)} '
        for colour, name in zip(_COLOURS, names, strict=True)
    )
    legend = f'<text x="{WIDTH}" y="{_DAY_HEIGHT + 30}" text-anchor="end">{legend}</text>'
    return _drawing(title, _DAY_HEIGHT + 36, shapes + labels + legend)


def grouped(amount: int) -> str:
    """Digits in threes, with thin spaces that do not break."""
    return f"{amount:,}".replace(",", "\u202f")


def _row(bar: Bar, place: int, longest: int, space: int) -> str:
    top = place * _ROW + 4
    length = _share(bar.amount, longest, space)
    return (
        f'<text x="{_LABELS - 8}" y="{top + 13}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{_LABELS}" y="{top}" width="{length}" height="{_BAR}" fill="{_COLOURS[0]}"/>'
        f'<text x="{_LABELS + length + 6}" y="{top + 13}">{grouped(bar.amount)}</text>'
    )


def _upright(left: int, height: int, width: int, side: int) -> str:
    return (
        f'<rect x="{left + side * width}" y="{_DAY_HEIGHT - height}" width="{width}"'
        f' height="{height}" fill="{_COLOURS[side]}">'
    )


def _share(amount: int, longest: int, space: int) -> int:
    if not amount or not longest:
        return 0
    return max(mul_div_down(abs(amount), space, longest), 1)


def _drawing(title: str, height: int, content: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        f' aria-label="{escape(title)}"><title>{escape(title)}</title>{content}</svg>'
    )
