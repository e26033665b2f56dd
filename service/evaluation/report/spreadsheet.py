"""The report as one tidy table for spreadsheets: a row is one number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.evaluation.report.highlight import clean_text
from service.evaluation.results.comparison import ComparisonReport, Difference
from service.evaluation.results.numbers import OVERALL, Estimate, Interval, Missing, Number
from service.evaluation.results.run import Agreement, Family, Group, RunReport

COLUMNS = ("run", "scope", "measure", "value", "low", "high", "n", "note")
DIFFERENCE = "difference"
HELD = {"kept": "yes", "broken": "no", "unchecked": "unchecked"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of one run. `note` says why it or its interval is missing, or what belongs to it."""

    run: str
    scope: str
    measure: str
    value: Number | str
    interval: Interval | Missing | None = None
    n: int | None = None
    note: str = ""


def render_csv(report: RunReport | ComparisonReport) -> str:
    """Comma-separated, UTF-8, lines end with a newline; numbers with a point and all their decimals.

    Texts that a spreadsheet would take for a formula begin with an apostrophe (OWASP, CSV injection).
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    figures = _list_comparison(report) if isinstance(report, ComparisonReport) else _list_run(report)
    writer.writerows(_write(figure) for figure in figures)
    return file.getvalue()


def guard_text(text: str) -> str:
    """The text as a spreadsheet shows it, and does not run it."""
    cleaned = clean_text(text)
    return f"'{cleaned}" if cleaned.lstrip().startswith(_FORMULA) or cleaned.startswith(_FORMULA) else cleaned


def _write(figure: Figure) -> tuple[str, ...]:
    low = high = ""
    note = figure.note
    if isinstance(figure.interval, Interval):
        low, high = repr(figure.interval.low), repr(figure.interval.high)
    elif isinstance(figure.interval, Missing):
        note = figure.interval.undefined
    value = ""
    if isinstance(figure.value, Missing):
        note = figure.value.undefined
    else:
        value = guard_text(figure.value) if isinstance(figure.value, str) else repr(figure.value)
    texts = (guard_text(text) for text in (figure.run, figure.scope, figure.measure))
    return (*texts, value, low, high, "" if figure.n is None else str(figure.n), guard_text(note))


def _list_comparison(report: ComparisonReport) -> Iterator[Figure]:
    yield Figure(DIFFERENCE, OVERALL, "verdict", report.verdict.word.value, note=report.verdict.sentence)
    yield Figure(DIFFERENCE, OVERALL, "margin", report.verdict.margin)
    for row in report.differences:
        yield from _list_difference(row)
    change = report.coverage
    shares = ("first_share", "second_share", "lost_share", "share_p")
    for name in ("both", "only_first", "only_second", "neither", "mcnemar_p", *shares):
        yield Figure(DIFFERENCE, "coverage", name, getattr(change, name))
    flips = report.rank_flips
    yield Figure(DIFFERENCE, "ranks", "kendall_tau", flips.kendall_tau, n=flips.n)
    yield Figure(DIFFERENCE, "ranks", "entered", len(flips.entered), n=flips.n, note=flips.cut_off)
    yield Figure(DIFFERENCE, "ranks", "left", len(flips.left), n=flips.n, note=flips.cut_off)
    if not isinstance(report.drift, Missing):
        drift = report.drift
        yield Figure(DIFFERENCE, "drift", "word", drift.word.value, note=drift.caution)
        yield Figure(DIFFERENCE, "drift", "levels_changed", drift.levels_changed, n=drift.levels)
        for part in (*report.drift.parts, report.drift.total):
            yield _tell(DIFFERENCE, f"drift: {part.factor}", "mean", part.mean)
            yield _tell(DIFFERENCE, f"drift: {part.factor}", "qwk", part.qwk)
    for letter, run in zip("AB", report.runs, strict=True):
        yield from _list_run(run, f"{letter}: {run.identity.label}")


def _list_difference(row: Difference) -> Iterator[Figure]:
    for name in ("qwk", "mae"):
        yield _tell(DIFFERENCE, row.scope, name, getattr(row, name), row.n)
    yield _tell(DIFFERENCE, row.scope, "mean", row.mean, row.graded_n)
    for name in ("wilcoxon_p", "cluster_p"):
        yield Figure(DIFFERENCE, row.scope, name, getattr(row, name), n=row.graded_n)
    for name in ("first_qwk", "second_qwk", "p_holm", "mcnemar_p", "detectable"):
        yield Figure(DIFFERENCE, row.scope, name, getattr(row, name), n=row.n)
    for name in ("only_first_exact", "only_second_exact"):
        yield Figure(DIFFERENCE, row.scope, name, getattr(row, name), n=row.n)
    yield Figure(DIFFERENCE, row.scope, "word", row.word.value, n=row.n)


def _list_run(report: RunReport, run: str | None = None) -> Iterator[Figure]:
    label = run or report.identity.label
    for row in report.agreement:
        yield from _list_agreement(label, row)
    yield from _list_counts(label, report)
    for family in report.families:
        yield from _list_family(label, family)
    for group in report.groups:
        yield from _list_group(label, group)
    for name in ("grades", "tokens_in", "tokens_out", "cost_usd"):
        yield Figure(label, "cost", name, getattr(report.cost, name))
    for name in ("latency_median_seconds", "latency_p95_seconds", "elapsed_seconds"):
        yield Figure(label, "cost", name, getattr(report.cost, name))


def _list_agreement(label: str, row: Agreement) -> Iterator[Figure]:
    yield _tell(label, row.scope, "qwk", row.qwk, row.n)
    yield _tell(label, row.scope, "mae", row.mae, row.n)
    names = ("exact", "adjacent", "pearson", "spearman", "mean_difference", "standardised_difference")
    for name in (*names, "deviation_ratio", "icc", "degradation"):
        yield Figure(label, row.scope, name, getattr(row, name), n=row.n)
    yield Figure(label, row.scope, "observed_qwk", row.observed_qwk, n=row.observed_n)
    for yardstick in row.yardsticks:
        yield Figure(label, row.scope, f"qwk of {yardstick.name}", yardstick.qwk, n=yardstick.n)
        yield Figure(label, row.scope, f"mae of {yardstick.name}", yardstick.mae, n=yardstick.n)


def _list_counts(label: str, report: RunReport) -> Iterator[Figure]:
    coverage = report.coverage
    for name in ("cases", "scored", "expected_unscored", "rightly_unscored", "wrongly_scored", "wrongly_unscored"):
        yield Figure(label, "coverage", name, getattr(coverage, name))
    yield from _list_mapping(label, "unscored", coverage.unscored)
    yield from _list_mapping(label, "flag", coverage.flags)
    for yardstick in report.ceiling:
        yield Figure(label, OVERALL, "qwk between the two ratings", yardstick.qwk, n=yardstick.n)
    if not isinstance(report.repeatability, Missing):
        for name in ("deviation", "changed_share", "noise_floor_mean", "noise_floor_qwk"):
            yield Figure(label, "repeats", name, getattr(report.repeatability, name), n=report.repeatability.repeats)


def _list_mapping(label: str, scope: str, counts: Mapping[str, int]) -> Iterator[Figure]:
    yield from (Figure(label, scope, code, count) for code, count in counts.items())


def _list_family(label: str, family: Family) -> Iterator[Figure]:
    scope = f"family: {family.id}"
    note = f"{family.invariant} {family.note}".rstrip()
    yield Figure(label, scope, "held", HELD[family.state], n=family.n, note=note)
    yield Figure(label, scope, "violation share", family.share, family.share_interval, family.n)
    yield Figure(label, scope, "violations", family.violations, n=family.n)
    yield Figure(label, scope, "unscored", family.unscored, n=family.n)


def _list_group(label: str, group: Group) -> Iterator[Figure]:
    scope, note = f"group: {group.column} = {group.value}", "few cases" if group.small else ""
    yield Figure(label, scope, "mean_graded", group.mean_graded, n=group.n, note=note)
    yield Figure(label, scope, "mean_reference", group.mean_reference, n=group.rated_n, note=note)
    yield _tell(label, scope, "difference", group.difference, group.n, note)
    yield _tell(label, scope, "bias", group.bias, group.rated_n, note)


def _tell(run: str, scope: str, measure: str, estimate: Estimate, n: int | None = None, note: str = "") -> Figure:
    return Figure(run, scope, measure, estimate.value, estimate.interval, n, note)
