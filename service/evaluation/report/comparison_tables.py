"""The tables of a comparison."""

from __future__ import annotations

from service.evaluation.report.formatting import KAPPA_CHANGE_DECIMALS
from service.evaluation.report.tables import (
    Row,
    Table,
    build_table,
    show_count,
    show_estimate,
    show_number,
    show_p,
    show_share,
    show_text,
)
from service.evaluation.results.comparison import ComparisonReport, CoverageChange, Difference, Drift, VerdictWord
from service.evaluation.results.numbers import OVERALL

SYMBOLS = {
    VerdictWord.BETTER: "▲",
    VerdictWord.NO_WORSE: "✓",
    VerdictWord.WORSE: "▼",
    VerdictWord.NOT_ENOUGH: "?",
    VerdictWord.LOWER_WITHIN: "▽",
    VerdictWord.LOWER: "▽",
}


def name_kind(word: VerdictWord) -> str:
    """The CSS class of a verdict: `no-worse`."""
    return word.value.replace(",", "").replace(" ", "-")


def tabulate_differences(report: ComparisonReport) -> Table:
    """Kappa before and after, what lies between, and the word for it."""
    columns = ("Scope", "Cases", "Kappa A", "Kappa B", "Difference (95 % interval)", "In this scope", "Detectable")
    rows = (
        Row(
            row.name,
            (
                show_count(row.n),
                show_number(row.first_qwk),
                show_number(row.second_qwk),
                show_estimate(row.qwk, KAPPA_CHANGE_DECIMALS, signed=True),
                show_text(f"{SYMBOLS[row.word]} {row.word.value}", f"word {name_kind(row.word)}"),
                show_number(row.detectable, KAPPA_CHANGE_DECIMALS),
            ),
            row.scope == OVERALL,
        )
        for row in report.differences
    )
    return build_table("differences", "Kappa with the reference, A and B", columns, rows)


def tabulate_tests(report: ComparisonReport) -> Table:
    """The other differences, and the p-values."""
    columns = (
        *(
            "Scope",
            "Mean error, B − A",
            "Graded by both",
            "Mean level, B − A",
            "p, Wilcoxon",
            "p, by question",
            "p, kappa fell (Holm)",
        ),
        *("Exact only in A", "Exact only in B", "p, exact (McNemar)"),
    )
    rows = (_test_row(row) for row in report.differences)
    return build_table("tests", "Further differences, with their p-values", columns, rows)


def _test_row(row: Difference) -> Row:
    cells = (
        show_estimate(row.mae, KAPPA_CHANGE_DECIMALS, signed=True),
        show_count(row.graded_n),
        show_estimate(row.mean, KAPPA_CHANGE_DECIMALS, signed=True),
        show_p(row.wilcoxon_p),
        show_p(row.cluster_p),
        show_p(row.p_holm),
        show_count(row.only_first_exact),
        show_count(row.only_second_exact),
        show_p(row.mcnemar_p),
    )
    return Row(row.name, cells, row.scope == OVERALL)


def tabulate_coverage_change(change: CoverageChange) -> Table:
    rows = (
        Row("Scored by both", (show_count(change.both),)),
        Row("Scored only by A: score lost", (show_count(change.only_first),)),
        Row("Scored only by B: score gained", (show_count(change.only_second),)),
        Row("Scored by neither", (show_count(change.neither),)),
        Row("p that this is chance (McNemar)", (show_p(change.mcnemar_p),)),
        Row("Gradings with a score, A", (show_share(change.first_share, 1),)),
        Row("Gradings with a score, B", (show_share(change.second_share, 1),)),
        Row("Gradings whose score was lost", (show_share(change.lost_share, 1),)),
        Row("p that the share changed by chance", (show_p(change.share_p),)),
    )
    return build_table("coverage-change", "Which cases and gradings have a score", ("Outcome", "Cases"), rows)


def tabulate_drift(drift: Drift) -> Table:
    rows = (
        Row(
            part.factor.capitalize(),
            (
                show_estimate(part.mean, KAPPA_CHANGE_DECIMALS, signed=True),
                show_estimate(part.qwk, KAPPA_CHANGE_DECIMALS, signed=True),
            ),
            part is drift.total,
        )
        for part in (*drift.parts, drift.total)
    )
    noise = Row(
        "Noise of re-grading",
        (show_number(drift.noise_mean, KAPPA_CHANGE_DECIMALS), show_number(drift.noise_qwk, KAPPA_CHANGE_DECIMALS)),
    )
    columns = ("What changed", "Mean score, in levels (95 % interval)", "Kappa (95 % interval)")
    return build_table("drift", "The change, part by part", columns, (*rows, noise))
