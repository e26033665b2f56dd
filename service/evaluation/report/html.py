"""The report as one page: no network, no script, and nothing that a candidate wrote can become markup.

Every plot, style and mark is inside the file. `REPORT_CSP` is the policy that the page was written for; the page itself
carries it too, so it also holds where the file is opened from a disk.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from service.evaluation.report.cases import view_case
from service.evaluation.report.changes import list_changes
from service.evaluation.report.comparison_tables import (
    tabulate_coverage_change,
    tabulate_differences,
    tabulate_drift,
    tabulate_tests,
)
from service.evaluation.report.formatting import format_count, format_minus, format_number
from service.evaluation.report.headlines import explain_kappas, make_headline
from service.evaluation.report.highlight import clean_text
from service.evaluation.report.plots import Caption, Line, draw_forest, draw_waterfall
from service.evaluation.report.sections import view_run
from service.evaluation.report.summary import summarise_coverage, summarise_families, summarise_run
from service.evaluation.results.comparison import ComparisonReport, Drift
from service.evaluation.results.numbers import Missing
from service.evaluation.results.run import RunReport

TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
REPORT_CSP = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'"


def render_html(report: RunReport | ComparisonReport) -> str:
    """The whole page; the same report gives the same bytes."""
    if isinstance(report, ComparisonReport):
        return _render("comparison.html", **_view_comparison(report))
    return _render("run.html", **_view_run_page(report))


def _view_run_page(report: RunReport) -> dict[str, object]:
    return {
        "report": report,
        "maker": report.identity.grader_version,
        "view": view_run(report, "run-"),
        "summary": summarise_run(report),
        "coverage": summarise_coverage(report.coverage),
        "families": summarise_families(report.families),
        "cases": [view_case(case) for case in report.shown],
    }


def _view_comparison(report: ComparisonReport) -> dict[str, object]:
    drift = None if isinstance(report.drift, Missing) else report.drift
    return {
        "report": report,
        "maker": report.second.grader_version,
        "headline": make_headline(report),
        "kappas": explain_kappas(report),
        "margin": format_number(report.verdict.margin),
        "differences": tabulate_differences(report),
        "tests": tabulate_tests(report),
        "forest": _draw_differences(report),
        "coverage": tabulate_coverage_change(report.coverage),
        "drift": drift,
        "drift_table": tabulate_drift(drift) if drift else None,
        "drift_plots": _draw_drift(drift) if drift else (),
        "changes": list(list_changes(report.prompt_diff)),
        "cases": [view_case(case) for case in report.shown],
        "views": [view_run(run, f"{letter}-") for run, letter in zip(report.runs, "ab", strict=True)],
        "summaries": [summarise_run(run) for run in report.runs],
    }


def _draw_differences(report: ComparisonReport) -> Markup | None:
    lines = [
        Line(row.name, row.qwk, margin=row.margin, signed=True)
        for row in report.differences
        if not isinstance(row.qwk.value, Missing)
    ]
    if not lines:
        return None
    title = "Difference in kappa, B minus A, with 95 % intervals"
    return draw_forest(Caption("plot-differences", title, "← A agrees better · kappa · B agrees better →"), lines)


def _draw_drift(drift: Drift) -> tuple[Markup, ...]:
    mean = Caption("plot-drift-mean", "Change of the mean overall score, part by part", "Mean score, levels")
    kappa = Caption("plot-drift-kappa", "Change of overall kappa, part by part", "Kappa")
    parts = [(part.factor.capitalize(), part) for part in drift.parts]
    return (
        draw_waterfall(mean, [(label, part.mean) for label, part in parts], drift.total.mean),
        draw_waterfall(kappa, [(label, part.qwk) for label, part in parts], drift.total.qwk),
    )


def _render(name: str, **values: object) -> str:
    return _open_templates().get_template(name).render(style=Markup(_STYLE), csp=REPORT_CSP, **values)  # noqa: S704 -- our own file


@cache
def _open_templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalise,
    )
    environment.filters.update(count=format_count, number=format_number, minus=format_minus)
    return environment


def _finalise(value: object) -> object:
    return value if isinstance(value, Markup) else clean_text(str(value))
