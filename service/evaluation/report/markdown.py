"""The report as a comment on a pull request. It goes where many read: cases by id only, no candidate text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.evaluation.report.formatting import DASH, format_minus
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
from service.evaluation.results.shown import ShownCase, Side

MAX_CHARACTERS = 65_000  # GitHub refuses comments beyond 65,536
MAX_CELL, MAX_SENTENCE, MAX_ROWS = 200, 2_000, 60
_SPECIAL = re.compile(r"([\\`*_{}\[\]#~|!])")


def render_markdown(report: RunReport | ComparisonReport) -> str:
    """Verdict first, a short table, and the cases to look at by their ids; at most 65,000 characters."""
    text = "\n".join(_write(report)) + "\n"
    if len(text) <= MAX_CHARACTERS:
        return text
    cut = text[:MAX_CHARACTERS].rpartition("\n")[0].rpartition("\n")[0]
    return f"{cut}\n\nShortened: a comment holds no more. The whole report is in the HTML file.\n"


def _write(report: RunReport | ComparisonReport) -> Iterator[str]:
    if isinstance(report, ComparisonReport):
        headline = make_headline(report)
        yield f"## {headline.symbol} {headline.word.capitalize()}: {_escape(report.title)}"
        yield ""
        yield f"**{_escape(headline.sentence)}**"
        yield ""
        yield from (f"- **Mind.** {_escape(said)}" for said in (headline.caution,) if said)
        yield from (f"- {_escape(reason)}" for reason in headline.reasons)
        table, lines = shorten_comparison(report), list_comparison_lines(report)
    else:
        yield f"## {_escape(report.title)}"
        yield ""
        yield f"**{_escape(summarise_run(report))}**"
        table, lines = shorten_run(report), list_run_lines(report)
    yield ""
    yield from _lay_out(table)
    yield ""
    yield from (f"{DASH} {_escape(reason)}  " for reason in list_reasons(report))
    yield ""
    yield from (f"- **{what}.** {_escape(sentence)}" for what, sentence in lines)
    if report.shown:
        yield from _list_cases(report.shown)


def _lay_out(table: ShortTable) -> Iterator[str]:
    yield f"| {' | '.join(table.columns)} |"
    yield f"| :-- |{' --: |' * (len(table.columns) - 1)}"
    for row in table.rows[:MAX_ROWS]:
        yield f"| {' | '.join(_escape(cell, MAX_CELL) for cell in row)} |"
    if len(table.rows) > MAX_ROWS:
        yield f"\n{len(table.rows) - MAX_ROWS} more scopes are in the HTML file."


def _list_cases(shown: tuple[ShownCase, ...]) -> Iterator[str]:
    pair = len(shown[0].sides) > 1
    yield ""
    yield f"<details><summary>The cases {'that moved most' if pair else 'furthest from the reference'}</summary>"
    yield ""
    yield f"| Case | Reference | {'Before | After' if pair else 'Grade'} |"
    yield f"| :-- |{' --: |' * (3 if pair else 2)}"
    for case in shown:
        reference = DASH if case.reference_overall is None else f"{case.reference_overall:.2f}"
        yield f"| {_escape(case.id)} | {reference} | {' | '.join(map(_state_side, case.sides))} |"
    yield ""
    yield "</details>"


def _state_side(side: Side) -> str:
    if side.overall is not None:
        return f"{side.overall:.2f}"
    return _escape((side.reason or "not scored").replace("_", " "))


def _escape(text: str, longest: int = MAX_SENTENCE) -> str:
    """One line that is no markup, no mention of a person and no link to an issue."""
    line = " ".join(clean_text(format_minus(text)).split())
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", line).replace("@", "&#64;")
