"""What stands first in every form of a comparison: the answer to what was asked, and what it is an answer about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.evaluation.report.comparison_tables import SYMBOLS, name_kind
from service.evaluation.report.formatting import format_count
from service.evaluation.report.summary import find_overall
from service.evaluation.results.comparison import ComparisonReport, Drift, DriftWord, Verdict
from service.evaluation.results.numbers import Missing, Number

DRIFT_SYMBOLS = {DriftWord.MOVED: "≠", DriftWord.NOT_MOVED: "=", DriftWord.UNKNOWN: "?"}
DRIFT_KINDS = {DriftWord.MOVED: "worse", DriftWord.NOT_MOVED: "no-worse", DriftWord.UNKNOWN: "not-enough-evidence"}


@dataclass(frozen=True, slots=True)
class Headline:
    """`kind` is the CSS class. `caution` is empty, or what must be known before the rest is read."""

    symbol: str
    word: str
    kind: str
    sentence: str
    caution: str
    reasons: tuple[str, ...]


def make_headline(report: ComparisonReport) -> Headline:
    """The verdict; or, where drift was asked for, whether the grader moved, and the verdict after it."""
    verdict = report.verdict
    if report.question == "drift":
        return _state_drift(report.drift, verdict)
    symbol, kind = SYMBOLS[verdict.word], name_kind(verdict.word)
    return Headline(symbol, verdict.word.value, kind, verdict.sentence, "", verdict.reasons)


def _state_drift(drift: Drift | Missing, verdict: Verdict) -> Headline:
    reasons = (f"Quality: {verdict.word.value}. {verdict.sentence}", *verdict.reasons)
    if isinstance(drift, Missing):
        return Headline("?", "not measured", "not-enough-evidence", drift.undefined, "", reasons)
    symbol, kind = DRIFT_SYMBOLS[drift.word], DRIFT_KINDS[drift.word]
    return Headline(symbol, drift.word.value, kind, drift.sentence, drift.caution, reasons)


def explain_kappas(report: ComparisonReport) -> str:
    """Why a run has one kappa beside the other's and another by itself; empty when it has not."""
    row = next(iter(report.differences), None)
    overall = [find_overall(run) for run in report.runs]
    alone = [one.qwk.value if one else None for one in overall]
    if row is None or all(map(_is_same, alone, (row.first_qwk, row.second_qwk))):
        return ""
    return (
        f"Each run by itself has another kappa than beside the other: side by side they are compared on the "
        f"{format_count(row.n)} cases that both graded, {_count_repeats(report)}; by themselves on all that each has "
        f"({'; '.join(_list_bases(report))})."
    )


def _is_same(alone: Number | None, beside: Number) -> bool:
    return alone is None or alone == beside or (isinstance(alone, Missing) and isinstance(beside, Missing))


def _count_repeats(report: ComparisonReport) -> str:
    fewest = min(report.first.repeats, report.second.repeats)
    return "with one grading each" if fewest == 1 else f"with {fewest} gradings each"


def _list_bases(report: ComparisonReport) -> Iterator[str]:
    for letter, run in zip("AB", report.runs, strict=True):
        overall = find_overall(run)
        yield f"{letter}: {format_count(overall.n if overall else 0)} cases, repeats: {run.identity.repeats}"
