"""Charts as SVG, the same text for the same figures."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import floor, log10

WIDTH = 760
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f")
"""Told apart by every kind of sight; by M. Okabe and K. Ito."""
_BAR, _GAP, _TOP, _LEFT, _RIGHT = 16, 12, 56, 190, 90
_PLOT_HEIGHT, _BOTTOM = 260, 56
_TICKS = 4

Series = Mapping[str, Sequence[float | None]]
"""A value, or none, for each group."""


def bars(title: str, unit: str, groups: Sequence[str], series: Series) -> str:
    """Return horizontal bars, the series of a group below one another."""
    most = max(value for values in series.values() for value in values if value is not None)
    parts, y = list(_head(title, unit, series)), _TOP
    for place, group in enumerate(groups):
        shown = [
            (colour, values[place])
            for colour, values in zip(_colours(), series.values(), strict=False)
            if values[place] is not None
        ]
        middle = y + len(shown) * _BAR / 2 + 4
        parts.append(_text(_LEFT - 8, middle, group, anchor="end"))
        for colour, value in shown:
            length = (WIDTH - _LEFT - _RIGHT) * (value or 0) / most
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 2}" fill="{colour}"/>'
            )
            parts.append(_text(_LEFT + length + 6, y + _BAR - 4, number(value or 0)))
            y += _BAR
        y += _GAP
    return _document(parts, y)


def lines(title: str, unit: str, groups: Sequence[str], series: Series) -> str:
    """Return a line for each series over the groups, which stand at equal distances."""
    top = nice(max(value for values in series.values() for value in values if value is not None))
    bottom, right = _TOP + _PLOT_HEIGHT, WIDTH - _GAP
    step = (right - _GAP - _BOTTOM) / max(1, len(groups) - 1)
    parts = list(_head(title, unit, series))
    for tick in range(_TICKS + 1):
        y = bottom - _PLOT_HEIGHT * tick / _TICKS
        parts.append(f'<path d="M{_BOTTOM} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(_text(_BOTTOM - 6, y + 4, number(top * tick / _TICKS), anchor="end"))
    for place, group in enumerate(groups):
        parts.append(_text(_BOTTOM + place * step, bottom + 18, group, anchor="middle"))
    for colour, values in zip(_colours(), series.values(), strict=False):
        points = [
            (_BOTTOM + place * step, bottom - _PLOT_HEIGHT * value / top)
            for place, value in enumerate(values)
            if value is not None
        ]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return _document(parts, bottom + 32)


def number(value: float) -> str:
    """Return three digits of a number, or all of a larger whole one."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def nice(value: float) -> float:
    """Return the least of 1, 2, 2.5, 5 and 10 times a power of ten that is not below a positive value."""
    power: float = 10 ** floor(log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def _colours() -> Iterator[str]:
    while True:
        yield from COLOURS


def _head(title: str, unit: str, series: Series) -> Iterator[str]:
    """Yield the title, and what the colours mean where there is more than one."""
    yield f'<text x="{_GAP}" y="20" font-size="14" font-weight="bold">{escape(f"{title} ({unit})")}</text>'
    if len(series) == 1:
        return
    x = float(_GAP)
    for colour, name in zip(_colours(), series, strict=False):
        yield f'<rect x="{x:.0f}" y="32" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 14, 41, name)
        x += 14 + 7.2 * len(name) + _BAR


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _document(parts: Sequence[str], height: float) -> str:
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        'font-family="sans-serif" font-size="12" fill="#222">'
    )
    return "\n".join([opening, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>"]) + "\n"
