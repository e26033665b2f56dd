"""The sentences that come first in every form of a report, and what its short forms show."""

from __future__ import annotations

from collections.abc import Iterator

from service.evaluation.report.formatting import (
    format_code,
    format_count,
    format_estimate,
    format_number,
    format_seconds,
    format_usd,
)
from service.evaluation.report.run_tables import find_yardstick
from service.evaluation.results.numbers import OVERALL, Missing
from service.evaluation.results.run import Agreement, Cost, Coverage, Family, RunReport

_YARDSTICK_SENTENCES = (
    ("length only", "the number of words alone reaches"),
    ("embedded grader", "the embedded grader"),
    ("second rating", "a second rating"),
)


def find_overall(report: RunReport) -> Agreement | None:
    return next((row for row in report.agreement if row.scope == OVERALL), None)


def summarise_run(report: RunReport) -> str:
    """Kappa with its interval, never without what simpler graders and a second person reach on the same cases."""
    row = find_overall(report)
    if row is None or isinstance(row.qwk.value, Missing):
        why = row.qwk.value.undefined if row is not None and isinstance(row.qwk.value, Missing) else ""
        return " ".join(_list_partial(report, why))
    said = [f"Kappa with the reference is {format_estimate(row.qwk)} on {format_count(row.n)} cases"]
    for name, words in _YARDSTICK_SENTENCES:
        found = find_yardstick(row, name)
        if found is not None and not isinstance(found.qwk, Missing):
            on = "" if found.n == row.n else f" on the {format_count(found.n)} cases it covers"
            said.append(f"{words} {format_number(found.qwk)}{on}")
    return "; ".join(said) + "."


def _list_partial(report: RunReport, why: str) -> Iterator[str]:
    """A set may rate some criteria only: then no case has an overall reference, and those still have kappas."""
    rated = [row for row in report.agreement if row.scope != OVERALL and row.n]
    yield f"There is no {'overall ' if rated else ''}agreement to report."
    if why:
        yield why
    if rated:
        said = (f"{row.name} {format_estimate(row.qwk)} on {format_count(row.n)} cases" for row in rated)
        yield f"Kappa of the criteria that have a reference: {'; '.join(said)}."


def summarise_coverage(coverage: Coverage) -> str:
    """How many cases have a score, and why the others have none."""
    said = f"{format_count(coverage.scored)} of {format_count(coverage.cases)} cases have a score"
    if coverage.partly_scored:
        said += f", {format_count(coverage.partly_scored)} of them in some repeats only"
    reasons = ", ".join(f"{format_count(count)} {format_code(code)}" for code, count in coverage.unscored.items())
    return f"{said}; without: {reasons}." if reasons else f"{said}."


def summarise_families(families: tuple[Family, ...]) -> str:
    """How many robustness promises were kept; empty where none was checked."""
    if not families:
        return ""
    said = f"{sum(family.held for family in families)} of {len(families)} robustness promises kept"
    for state in ("broken", "unchecked"):
        titles = [family.title for family in families if family.state == state]
        said += f"; {state}: {', '.join(titles)}" if titles else ""
    unjudged = [family.title for family in families if family.held and family.note]
    said += f"; no answer judged at all: {', '.join(unjudged)}" if unjudged else ""
    return f"{said}."


def summarise_cost(cost: Cost) -> str:
    """Grades, tokens, dollars and time, as far as the backend told them."""
    return ", ".join(_list_cost(cost)) + "."


def _list_cost(cost: Cost) -> Iterator[str]:
    yield f"{format_count(cost.grades)} grades"
    if not isinstance(cost.tokens_in, Missing) and not isinstance(cost.tokens_out, Missing):
        yield f"{format_count(cost.tokens_in)} tokens in and {format_count(cost.tokens_out)} out"
    if not isinstance(cost.cost_usd, Missing):
        yield format_usd(cost.cost_usd)
    if not isinstance(cost.latency_median_seconds, Missing):
        yield f"{format_seconds(cost.latency_median_seconds)} a grade (median)"
    if not isinstance(cost.elapsed_seconds, Missing):
        yield f"{format_seconds(cost.elapsed_seconds)} in all"
