"""The report in a terminal or a log: plain text, at most 100 columns. No candidate text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from service.evaluation.report.formatting import format_minus
from service.evaluation.report.headlines import make_headline
from service.evaluation.report.highlight import clean_text
from service.evaluation.report.short import (
    ShortTable,
    list_comparison_lines,
    list_reasons,
    list_run_lines,
    shorten_comparison,
    shorten_run,
)
from service.evaluation.report.summary import summarise_run
from service.evaluation.results.comparison import ComparisonReport
from service.evaluation.results.run import RunReport

MAX_COLUMNS = 100
_GAP = "  "


def render_text(report: RunReport | ComparisonReport) -> str:
    """Verdict or summary first, then the table of scopes, then coverage, families and cost; ends with a newline."""
    return "\n".join(line.rstrip() for line in _write(report)) + "\n"


def _write(report: RunReport | ComparisonReport) -> Iterator[str]:
    if isinstance(report, ComparisonReport):
        headline = make_headline(report)
        yield f"{headline.symbol} {headline.word.upper()}"
        yield from _wrap(headline.sentence)
        yield from _wrap(headline.caution, "! ", _GAP)
        for reason in headline.reasons:
            yield from _wrap(reason, "- ", _GAP)
        table, lines = shorten_comparison(report), list_comparison_lines(report)
    else:
        yield from _wrap(summarise_run(report))
        table, lines = shorten_run(report), list_run_lines(report)
    yield ""
    yield from _wrap(report.title)
    yield ""
    yield from _lay_out(table)
    for reason in list_reasons(report):
        yield from _wrap(reason, "–  ", "   ")
    yield ""
    yield from _list(lines)


def _wrap(text: str, first: str = "", then: str = "") -> list[str]:
    return wrap(
        clean_text(format_minus(text)),
        MAX_COLUMNS,
        initial_indent=first,
        subsequent_indent=then,
        break_on_hyphens=False,
    )


def _list(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    found = list(lines)
    width = max(len(what) for what, _ in found) + len(_GAP)
    for what, sentence in found:
        yield from _wrap(sentence, what.ljust(width), " " * width)


def _lay_out(table: ShortTable) -> Iterator[str]:
    """Columns as wide as their widest cell; long names of scopes go on in the next line."""
    lines = (table.columns, *table.rows)
    widths = [max(map(len, cells)) for cells in zip(*(line[1:] for line in lines), strict=True)]
    room = MAX_COLUMNS - sum(width + len(_GAP) for width in widths)
    heads = [wrap(clean_text(line[0]), room) or [""] for line in lines]
    width = max(len(part) for parts in heads for part in parts)
    aligned = ["<" if any(row[place][:1].isalpha() for row in table.rows) else ">" for place in range(1, len(lines[0]))]
    for place, (parts, line) in enumerate(zip(heads, lines, strict=True)):
        cells = (f"{cell:{side}{w}}" for cell, side, w in zip(line[1:], aligned, widths, strict=True))
        yield _GAP.join((parts[0].ljust(width), *cells))
        yield from parts[1:]
        if place == 0:
            yield _GAP.join("─" * each for each in (width, *widths))
