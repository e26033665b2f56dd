"""What the short forms of a report have in common: a table without its notes, and lines below it. No candidate text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.evaluation.report.formatting import (
    KAPPA_CHANGE_DECIMALS,
    format_count,
    format_estimate,
    format_models,
    format_number,
    format_share,
)
from service.evaluation.report.headlines import explain_kappas
from service.evaluation.report.run_tables import YARDSTICKS, find_yardstick, list_absent
from service.evaluation.report.summary import (
    summarise_cost,
    summarise_coverage,
    summarise_families,
    summarise_run,
)
from service.evaluation.results.comparison import ComparisonReport, CoverageChange
from service.evaluation.results.numbers import Missing
from service.evaluation.results.run import Identity, RunReport


@dataclass(frozen=True, slots=True)
class ShortTable:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def shorten_run(report: RunReport) -> ShortTable:
    """Kappa of each scope beside the yardsticks."""
    rows = (
        (
            row.name,
            format_count(row.n),
            format_estimate(row.qwk),
            *(format_number(found.qwk if found else None) for found in (find_yardstick(row, y) for y in YARDSTICKS)),
        )
        for row in report.agreement
    )
    return ShortTable(("Scope", "n", "Kappa (95 %)", "Length", "Embedded", "2nd rating"), tuple(rows))


def shorten_comparison(report: ComparisonReport) -> ShortTable:
    """Kappa before and after, the difference, and the word of each scope."""
    rows = (
        (
            row.name,
            format_count(row.n),
            format_number(row.first_qwk),
            format_number(row.second_qwk),
            format_estimate(row.qwk, KAPPA_CHANGE_DECIMALS, signed=True),
            row.word.value,
        )
        for row in report.differences
    )
    return ShortTable(("Scope", "n", "Before", "After", "Difference (95 %)", "In this scope"), tuple(rows))


def list_reasons(report: RunReport | ComparisonReport) -> tuple[str, ...]:
    """Why numbers of the short table are missing, each reason once."""
    if isinstance(report, ComparisonReport):
        numbers = [n for row in report.differences for n in (row.first_qwk, row.qwk.value, row.qwk.interval)]
    else:
        numbers = [n for row in report.agreement for n in (row.qwk.value, row.qwk.interval)]
        numbers += [yardstick.qwk for row in report.agreement for yardstick in row.yardsticks]
        numbers += [
            Missing(undefined=reason) for row in report.agreement for reason in list_absent(row, report.identity)
        ]
    return tuple(dict.fromkeys(n.undefined for n in numbers if isinstance(n, Missing)))


def list_run_lines(report: RunReport) -> Iterator[tuple[str, str]]:
    """(what, sentence) of everything below the table."""
    yield "Coverage", summarise_coverage(report.coverage)
    if report.families:
        yield "Robustness", summarise_families(report.families)
    if report.caution:
        yield "Reference", report.caution
    yield "Cost", summarise_cost(report.cost)
    made = report.identity
    yield from _list_attempt(made)
    yield "Made with", f"{format_models(made)}; prompt {made.prompt}; rubric {made.rubric}; run {made.run_id}."


def _list_attempt(made: Identity) -> Iterator[tuple[str, str]]:
    """Said of every run but the first: whoever runs until the result pleases must not hide it."""
    if made.attempt > 1:
        yield "Attempt", f"This is run {made.attempt} with the same plan (--again)."


def list_comparison_lines(report: ComparisonReport) -> Iterator[tuple[str, str]]:
    """(what, sentence) of everything below the table; each run says how good it is in itself."""
    yield "A, before", f"{report.first.run_id} ({report.first.label})."
    yield "B, after", f"{report.second.run_id} ({report.second.label})."
    yield "Changed", "; ".join(report.changed) + "." if report.changed else "Nothing that was asked for."
    yield from _list_attempt(report.second)
    yield "Coverage", _state_coverage(report.coverage)
    for name, run in zip(("Before", "After"), report.runs, strict=True):
        yield name, summarise_run(run)
    if said := explain_kappas(report):
        yield "Kappas", said
    for name, run in zip(("Robustness before", "Robustness after"), report.runs, strict=True):
        if run.families:
            yield name, summarise_families(run.families)
    if not isinstance(report.drift, Missing):
        yield "Drift", report.drift.sentence
    if report.runs[1].caution:
        yield "Reference", report.runs[1].caution
    for name, run in zip(("Cost before", "Cost after"), report.runs, strict=True):
        yield name, summarise_cost(run.cost)


def _state_coverage(change: CoverageChange) -> str:
    return (
        f"{format_count(change.both)} cases scored by both; {format_count(change.only_first)} lost their score, "
        f"{format_count(change.only_second)} gained one, {format_count(change.neither)} have none in either run. "
        f"Of all gradings {format_share(change.first_share, 1)} had a score before, "
        f"{format_share(change.second_share, 1)} have one now."
    )
