"""Progress as SVG: one small panel a line. A few kB, readable without scripts, coloured by the page's stylesheet.

matplotlib, which draws the eval reports, takes a second to load and writes 20 kB a panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from service.domain.rubric import HIGHEST_LEVEL, LEVELS, LOWEST_LEVEL
from service.practice.progress import Point, Series

WIDTH, PANEL_HEIGHT = 640, 116
LEFT, RIGHT, TOP, BOTTOM = 28, 56, 38, 16  # around the lines of one panel: room for the larger letters of a phone
NAME_Y = 24


def draw_progress(series: Sequence[Series]) -> str:
    """One <svg> element, panels below each other; "" when there is nothing to draw.

    Classes: `progress-panel`, `-grid`, `-line`, `-dot`, `-name`, `-value`, `-axis`. It has no text alternative but its
    title: show the numbers in a table beside it.
    """
    if not series:
        return ""
    panels = "".join(_draw_panel(one, place) for place, one in enumerate(series))
    height = PANEL_HEIGHT * len(series)
    return (
        f'<svg class="progress-plot" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-labelledby="progress-title"><title id="progress-title">{escape(_describe(series))}</title>{panels}</svg>'
    )


def _describe(series: Sequence[Series]) -> str:
    told = "; ".join(f"{one.name} from {one.first:.1f} to {one.latest:.1f}" for one in series)
    return f"Levels over time, {LOWEST_LEVEL} to {HIGHEST_LEVEL}: {told}."


def _draw_panel(series: Series, place: int) -> str:
    xs = [_place_x(number, len(series.points)) for number in range(len(series.points))]
    ys = [_place_y(point) for point in series.points]
    grid = "".join(
        f'<line class="progress-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:g}" y2="{y:g}"/>'
        f'<text class="progress-axis" x="{LEFT - 8}" y="{y + 3.5:g}" text-anchor="end">{level}</text>'
        for level in (LEVELS[0], LEVELS[2], LEVELS[4])
        if (y := _scale(level)) is not None
    )
    line = " ".join(f"{x:g},{y:g}" for x, y in zip(xs, ys, strict=True))
    dots = "".join(f'<circle class="progress-dot" cx="{x:g}" cy="{y:g}" r="2.5"/>' for x, y in zip(xs, ys, strict=True))
    return (
        f'<g class="progress-panel" transform="translate(0 {place * PANEL_HEIGHT})">'
        f'<text class="progress-name" x="{LEFT}" y="{NAME_Y}">{escape(series.name)}</text>{grid}'
        f'<polyline class="progress-line" fill="none" points="{line}"/>{dots}'
        f'<text class="progress-value" x="{WIDTH - RIGHT + 12}" y="{ys[-1] + 4.5:g}">{series.latest:.1f}</text></g>'
    )


def _place_x(number: int, count: int) -> float:
    """By the number of the attempt, not by the day: ten attempts of one evening would be one dot."""
    width = WIDTH - LEFT - RIGHT
    return round(LEFT + width * (number / (count - 1) if count > 1 else 0.5), 1)


def _place_y(point: Point) -> float:
    return _scale(point.level)


def _scale(level: float) -> float:
    inner = PANEL_HEIGHT - TOP - BOTTOM
    return round(TOP + inner * (HIGHEST_LEVEL - level) / (HIGHEST_LEVEL - LOWEST_LEVEL), 1)
