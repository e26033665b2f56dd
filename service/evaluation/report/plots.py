"""The plots of a report: estimates with their intervals, grade against reference, and how a change is made up.

They are drawn 330 px wide, so that their letters stay legible on a phone, and scale up from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from service.domain.rubric import HIGHEST_LEVEL, LEVELS, LOWEST_LEVEL
from service.evaluation.report.formatting import format_estimate, format_number
from service.evaluation.report.svg import BAD, FAINT, FIRST, FIRST_SOFT, GROUND, INK, RULE, Frame, draw_svg, mark_label
from service.evaluation.results.numbers import Estimate, Missing
from service.evaluation.results.run import Band, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 330
ROW_HEIGHT = 40
FOOT_HEIGHT, HEAD_HEIGHT = 36, 4
MAX_TICKS = 5  # steps of a horizontal axis: nine labels such as −0.125 ran into each other on a phone
SQUARE = 320
LABEL_SIZE, NUMBER_SIZE = 11, 10
MAX_LABEL = 31  # characters that fit beside a number; the table holds the whole name
TEXT_PLACE, MARK_PLACE, MARK_TOP, MARK_FOOT = 0.22, 0.68, 0.45, 0.91  # within a row that is 1 high
_DOT_AREAS = (16, 32, 56, 90, 140, 200)  # of 1, 2–3, 4–7, … cases: few sizes keep the SVG small


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a forest plot. `markers`: (matplotlib marker, value) beside the estimate; `margin`: a tick below 0."""

    label: str
    estimate: Estimate
    markers: tuple[tuple[str, float], ...] = ()
    margin: float | None = None
    hollow: bool = False
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """What names a plot: `name` begins its ids, `axis` says what is measured, in which unit."""

    name: str
    title: str
    axis: str


def draw_forest(caption: Caption, lines: Sequence[Line]) -> Markup:
    """One row per estimate: label and number above, point and interval below, and a line at zero."""
    values = [0.0, *(value for line in lines for value in _list_values(line))]

    def draw(axes: Axes) -> None:
        _prepare_rows(axes, len(lines), values, caption.axis)
        for row, line in enumerate(lines):
            _write_row(axes, row, line)
            _draw_estimate(axes, row + MARK_PLACE, line)
            if line.margin is not None:
                ends = [row + MARK_TOP, row + MARK_FOOT]
                axes.plot([-line.margin] * 2, ends, color=BAD, linewidth=1.4, linestyle=(0, (3, 2)))

    return draw_svg(_frame_rows(caption, lines), draw)


def _frame_rows(caption: Caption, lines: Sequence[Line]) -> Frame:
    size = (WIDTH, _measure_height(len(lines)))
    labels = tuple(shorten_label(line.label) for line in lines)
    return Frame(caption.name, caption.title, _describe(lines), size, labels)


def shorten_label(label: str) -> str:
    """The label as far as there is room for it beside a number."""
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"


def _measure_height(rows: int) -> int:
    return HEAD_HEIGHT + ROW_HEIGHT * rows + FOOT_HEIGHT


def _prepare_rows(axes: Axes, rows: int, values: Sequence[float], label: str) -> None:
    """Rows from the top down, a horizontal axis below them, and a line at zero that leaves the labels alone."""
    low, high = min(values), max(values)
    space = 0.06 * ((high - low) or 1.0)
    height = _measure_height(rows)
    axes.set_position((0.02, FOOT_HEIGHT / height, 0.96, ROW_HEIGHT * rows / height))
    axes.set(xlim=(low - space, high + space), ylim=(rows, 0), yticks=[], xlabel=label)
    axes.locator_params(axis="x", nbins=MAX_TICKS)
    axes.spines["left"].set_visible(False)
    for row in range(rows):
        axes.plot([0, 0], [row + MARK_TOP, row + MARK_FOOT], color=FAINT, linewidth=1.2)


def _write_row(axes: Axes, row: int, line: Line) -> None:
    left, right = axes.get_xlim()
    number = format_estimate(line.estimate, signed=line.signed)
    place = row + TEXT_PLACE
    axes.text(left, place, mark_label(row), va="center", fontsize=LABEL_SIZE)
    axes.text(right, place, number, ha="right", va="center", fontsize=NUMBER_SIZE, color=FAINT)


def _draw_estimate(axes: Axes, place: float, line: Line) -> None:
    value, interval = line.estimate.value, line.estimate.interval
    if not isinstance(interval, Missing):
        axes.plot([interval.low, interval.high], [place, place], color=FIRST, linewidth=2.2)
        for end in (interval.low, interval.high):
            axes.plot([end, end], [place - 0.1, place + 0.1], color=FIRST, linewidth=1.4)
    for marker, at in line.markers:
        axes.plot(at, place, marker=marker, markersize=7.5, color=GROUND, markeredgecolor=INK, markeredgewidth=1.2)
    if not isinstance(value, Missing):
        inside = GROUND if line.hollow else FIRST
        axes.plot(value, place, marker="o", markersize=7.5, color=inside, markeredgecolor=FIRST, markeredgewidth=1.4)


def _list_values(line: Line) -> Iterator[float]:
    estimate, interval = line.estimate.value, line.estimate.interval
    if not isinstance(estimate, Missing):
        yield estimate
    if not isinstance(interval, Missing):
        yield from (interval.low, interval.high)
    if line.margin is not None:
        yield -line.margin
    yield from (value for _, value in line.markers)


def _describe(lines: Sequence[Line]) -> str:
    said = (f"{line.label}: {format_estimate(line.estimate, signed=line.signed)}" for line in lines)
    return "; ".join(said) + ". The table beside it holds the same numbers."


def draw_waterfall(caption: Caption, parts: Sequence[tuple[str, Estimate]], total: Estimate) -> Markup:
    """Each part of a change begins where the one before it ended; the last bar is the whole. Thin lines: intervals."""
    bars = [*_stack(parts), ("Together", 0.0, total)]
    lines = [Line(label, estimate, signed=True) for label, _, estimate in bars]
    values = [
        0.0,
        *(start + edge for line, (_, start, _) in zip(lines, bars, strict=True) for edge in _list_values(line)),
    ]

    def draw(axes: Axes) -> None:
        _prepare_rows(axes, len(bars), values, caption.axis)
        for row, (line, (_, start, estimate)) in enumerate(zip(lines, bars, strict=True)):
            _write_row(axes, row, line)
            if not isinstance(estimate.value, Missing):
                _draw_bar(axes, row, start, start + estimate.value, last=row == len(bars) - 1)
            if not isinstance(estimate.interval, Missing):
                reach = [start + estimate.interval.low, start + estimate.interval.high]
                axes.plot(reach, [row + MARK_PLACE] * 2, color=INK, linewidth=1.6)

    return draw_svg(_frame_rows(caption, lines), draw)


def _stack(parts: Sequence[tuple[str, Estimate]]) -> Iterator[tuple[str, float, Estimate]]:
    start = 0.0
    for label, estimate in parts:
        yield label, start, estimate
        start += 0.0 if isinstance(estimate.value, Missing) else estimate.value


def _draw_bar(axes: Axes, row: int, start: float, end: float, *, last: bool) -> None:
    """A rise is filled and a fall is empty: whether either is good depends on what is measured."""
    inside = FIRST_SOFT if end >= start else GROUND
    axes.barh(row + MARK_PLACE, end - start, 0.36, left=start, color=inside, edgecolor=FIRST, linewidth=1.4)
    if not last:
        for top, foot in ((row + MARK_FOOT - 0.05, row + 1.03), (row + 1.38, row + 1.5)):  # between them stands a label
            axes.plot([end, end], [top, foot], color=FAINT, linewidth=1)


def draw_scatter(caption: Caption, points: Sequence[Point]) -> Markup:
    """Grade against reference; larger dots are more cases. On the dashed line both agree."""
    total = sum(point.count for point in points)
    above = sum(point.count for point in points if point.graded > point.reference)
    below = sum(point.count for point in points if point.graded < point.reference)
    description = f"{total} cases: graded above the reference {above}, below it {below}, equal {total - above - below}."

    def draw(axes: Axes) -> None:
        _prepare_square(axes, caption.axis)
        for place, area in enumerate(_DOT_AREAS):
            chosen = [p for p in points if min(p.count.bit_length(), len(_DOT_AREAS)) - 1 == place]
            x, y = [p.reference for p in chosen], [p.graded for p in chosen]
            axes.scatter(x, y, s=area, c=FIRST, alpha=0.75, linewidths=0, zorder=3)

    return draw_svg(Frame(caption.name, caption.title, description, (SQUARE, SQUARE)), draw)


def draw_calibration(caption: Caption, bands: Sequence[Band]) -> Markup:
    """The mean grade of the cases of each reference level, with their number. On the dashed line both agree."""
    known = [(band.level, band.mean_graded, band.n) for band in bands if not isinstance(band.mean_graded, Missing)]
    said = (f"reference level {level}: mean grade {format_number(mean)}, {n} cases" for level, mean, n in known)

    def draw(axes: Axes) -> None:
        _prepare_square(axes, caption.axis)
        axes.plot([level for level, *_ in known], [mean for _, mean, _ in known], color=FIRST, marker="o", markersize=7)
        for level, mean, n in known:
            over = mean < HIGHEST_LEVEL - 0.4 and mean >= level
            axes.text(level, mean + (0.24 if over else -0.24), str(n), ha="center", va="center", fontsize=LABEL_SIZE)

    return draw_svg(Frame(caption.name, caption.title, "; ".join(said) + ".", (SQUARE, SQUARE)), draw)


def _prepare_square(axes: Axes, ylabel: str) -> None:
    axes.set_position((0.12, 0.13, 0.85, 0.85))
    limits = (LOWEST_LEVEL - 0.3, HIGHEST_LEVEL + 0.3)
    axes.set(xlim=limits, ylim=limits, xticks=LEVELS, yticks=LEVELS, xlabel="Reference level", ylabel=ylabel)
    axes.plot([LOWEST_LEVEL, HIGHEST_LEVEL], [LOWEST_LEVEL, HIGHEST_LEVEL], color=FAINT, linewidth=1.2, linestyle="--")
    axes.grid(visible=True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
