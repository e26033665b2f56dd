"""What the page shows of one run: its tables and plots, made before any template sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from service.evaluation.report import run_tables as tables
from service.evaluation.report.formatting import format_count, format_models, format_number
from service.evaluation.report.plots import Caption, Line, draw_calibration, draw_forest, draw_scatter
from service.evaluation.report.tables import Table
from service.evaluation.results.numbers import Missing
from service.evaluation.results.run import Agreement, Group, Identity, RunReport

MAX_GROUPS = 12  # the robustness set has 110, most of them of a handful of cases
# matplotlib's names of the shapes that the legend under the plot explains
_MARKERS = (("length only", "^"), ("embedded grader", "D"), ("second rating", "s"))


MARKS = {"kept": "✓", "broken": "✗", "unchecked": "–"}


@dataclass(frozen=True, slots=True)
class FamilyView:
    title: str
    invariant: str
    mark: str
    note: str
    scopes: Table
    violations: Table | None


@dataclass(frozen=True, slots=True)
class RunView:
    """One run, ready to be laid out; `prefix` begins every id. What is None or empty has nothing to show."""

    prefix: str
    report: RunReport
    facts: tuple[tuple[str, str], ...]
    agreement: Table
    measures: Table
    agreement_plot: Markup | None
    ceiling: str
    confusions: tuple[tables.Confusion, ...]
    bands: Table | None
    scatter: Markup | None
    calibration: Markup | None
    coverage: Table
    flags: Table | None
    groups: Table | None
    small_groups: Table | None
    groups_plot: Markup | None
    repeats: Table | None
    families: Table | None
    family_views: tuple[FamilyView, ...]
    cost: Table


def view_run(report: RunReport, prefix: str) -> RunView:
    """The run as the page shows it; draws up to four plots, some 50 ms each."""
    bands = report.agreement[0].bands if report.agreement else ()
    names = {row.scope: row.name for row in report.agreement}
    groups, folded = split_groups(report.groups)
    return RunView(
        prefix=prefix,
        report=report,
        facts=tuple(list_facts(report.identity)),
        agreement=tables.tabulate_agreement(report, prefix),
        measures=tables.tabulate_measures(report, prefix),
        agreement_plot=_draw_agreement(report, prefix),
        ceiling=_state_ceiling(report),
        confusions=tables.build_confusions(report, prefix),
        bands=tables.tabulate_bands(bands, prefix) if bands else None,
        scatter=_draw_scatter(report, prefix),
        calibration=draw_calibration(_name_calibration(prefix), bands) if bands else None,
        coverage=tables.tabulate_coverage(report.coverage, prefix),
        flags=tables.tabulate_flags(report.coverage.flags, prefix) if report.coverage.flags else None,
        groups=tables.tabulate_groups(groups, prefix) if groups else None,
        small_groups=tables.tabulate_groups(folded, prefix, "small-groups") if folded else None,
        groups_plot=_draw_groups(groups, prefix),
        repeats=None
        if isinstance(report.repeatability, Missing)
        else tables.tabulate_repeats(report.repeatability, prefix),
        families=tables.tabulate_families(report.families, prefix) if report.families else None,
        family_views=tuple(_view_families(report, names, prefix)),
        cost=tables.tabulate_cost(report.cost, prefix),
    )


def list_facts(identity: Identity) -> Iterator[tuple[str, str]]:
    """What a run was made with, as (what, value)."""
    yield "Run", identity.run_id
    yield "Eval set", f"{identity.set_id} ({format_count(identity.cases)} cases, {identity.set_hash[:12]})"
    yield "Rubric", f"{identity.rubric} ({identity.rubric_hash[:12]})"
    yield "Prompt", f"{identity.prompt} ({identity.prompt_hash[:12]})"
    yield "Model", format_models(identity)
    yield "Mode", identity.mode
    yield "Samples for each grade", str(identity.samples)
    yield "Repeats of each case", str(identity.repeats)
    if identity.parameters:
        yield "Parameters", ", ".join(f"{name} {value}" for name, value in sorted(identity.parameters.items()))
    yield "Grader version", identity.grader_version
    yield "Started", f"{identity.started_at:%Y-%m-%d %H:%M %Z}".strip()


def _draw_agreement(report: RunReport, prefix: str) -> Markup | None:
    rows = [row for row in report.agreement if not isinstance(row.qwk.value, Missing)]
    if not rows:
        return None
    title = "Kappa of each scope with its 95 % interval, beside the yardsticks"
    lines = [Line(row.name, row.qwk, tuple(_list_markers(row))) for row in rows]
    return draw_forest(Caption(f"{prefix}plot-agreement", title, "Quadratic weighted kappa"), lines)


def _list_markers(row: Agreement) -> Iterator[tuple[str, float]]:
    for name, marker in _MARKERS:
        found = tables.find_yardstick(row, name)
        if found is not None and not isinstance(found.qwk, Missing):
            yield marker, found.qwk


def split_groups(groups: tuple[Group, ...]) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """The groups to show, and those to fold away: where there are many, the small ones hide the ones that tell."""
    if len(groups) <= MAX_GROUPS:
        return groups, ()
    return tuple(group for group in groups if not group.small), tuple(group for group in groups if group.small)


def _draw_groups(groups: tuple[Group, ...], prefix: str) -> Markup | None:
    lines = [
        Line(f"{group.column}: {group.value}", group.bias, hollow=group.small, signed=True)
        for group in groups
        if not isinstance(group.bias.value, Missing)
    ]
    if not lines:
        return None
    title = "Grade minus reference of each group against all others, with 95 % intervals"
    return draw_forest(Caption(f"{prefix}plot-groups", title, "Standard deviations, 0: no difference"), lines)


def _draw_scatter(report: RunReport, prefix: str) -> Markup | None:
    if not report.points:
        return None
    caption = Caption(f"{prefix}plot-scatter", "Grade against reference, overall score of each case", "Overall grade")
    return draw_scatter(caption, report.points)


def _name_calibration(prefix: str) -> Caption:
    title = "Mean grade of the cases of each reference level"
    return Caption(f"{prefix}plot-calibration", title, "Mean overall grade")


def _state_ceiling(report: RunReport) -> str:
    caution = f" {report.caution}" if report.caution else ""
    return f"{_compare_ratings(report)}{caution}"


def _compare_ratings(report: RunReport) -> str:
    for found in report.ceiling:
        if isinstance(found.qwk, Missing):
            return f"Agreement of the two ratings: none to report. {found.qwk.undefined}"
        return (
            f"On the {format_count(found.n)} cases that were rated twice, the two ratings agree with kappa "
            f"{format_number(found.qwk)} and a mean error of {format_number(found.mae)}: a grader above that "
            "cannot be told from one that reaches it."
        )
    return "No cases were rated twice, so how far two raters agree is unknown."


def _view_families(report: RunReport, names: dict[str, str], prefix: str) -> Iterator[FamilyView]:
    for family in report.families:
        yield FamilyView(
            family.title,
            family.invariant,
            MARKS[family.state],
            family.note,
            tables.tabulate_family_scopes(family, names, prefix),
            tables.tabulate_violations(family, names, prefix) if family.examples else None,
        )
