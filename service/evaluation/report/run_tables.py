"""The tables of one run. `prefix` begins their ids: a comparison shows two runs in one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.evaluation.report.formatting import DASH, format_code, format_count, format_number
from service.evaluation.report.tables import (
    Cell,
    Row,
    Table,
    build_table,
    show_count,
    show_estimate,
    show_number,
    show_seconds,
    show_share,
    show_text,
    show_usd,
)
from service.evaluation.results.numbers import OVERALL, Interval, Missing
from service.evaluation.results.run import (
    Agreement,
    Band,
    Cost,
    Coverage,
    Family,
    Group,
    Identity,
    Repeatability,
    RunReport,
    Yardstick,
)

YARDSTICKS = ("length only", "embedded grader", "second rating")
_ABSENT = {
    "length only": "Length alone was not measured here.",
    "embedded grader": "No finished run of the embedded grader on these cases was found.",
    "second rating": "Fewer than two of these cases were rated twice.",
}
_SHADES = 5


def find_yardstick(row: Agreement, name: str) -> Yardstick | None:
    return next((yardstick for yardstick in row.yardsticks if yardstick.name == name), None)


def list_absent(row: Agreement, identity: Identity) -> tuple[str, ...]:
    """Why yardsticks are missing from a scope."""
    return tuple(_explain_absence(name, identity) for name in YARDSTICKS if find_yardstick(row, name) is None)


def _explain_absence(name: str, identity: Identity) -> str:
    if name == "embedded grader" and identity.model_requested == "embedded":
        return "This is the embedded grader itself."
    return _ABSENT[name]


def tabulate_agreement(report: RunReport, prefix: str) -> Table:
    """Kappa beside what simpler graders and a second person reach."""
    columns = ("Scope", "Cases", "Kappa (95 % interval)", *(name.capitalize() for name in YARDSTICKS), "Mean error")
    rows = (
        Row(
            row.name,
            (
                show_count(row.n),
                show_estimate(row.qwk),
                *(_show_yardstick(row, name, report.identity) for name in YARDSTICKS),
                show_estimate(row.mae),
            ),
            row.scope == OVERALL,
        )
        for row in report.agreement
    )
    return build_table(f"{prefix}agreement", "Agreement with the reference, beside the yardsticks", columns, rows)


def _show_yardstick(row: Agreement, name: str, identity: Identity) -> Cell:
    found = find_yardstick(row, name)
    if found is None:
        return Cell(DASH, _explain_absence(name, identity))
    cell = show_number(found.qwk)
    return cell if found.n == row.n else Cell(f"{cell.text} (n {format_count(found.n)})", cell.reason)


def tabulate_measures(report: RunReport, prefix: str) -> Table:
    """Everything else that is measured of each scope."""
    columns = (
        *("Scope", "Exact", "Within 1", "Pearson", "Spearman", "Mean difference", "In deviations"),
        *("Deviation ratio", "ICC", "Both observed: cases", "Both observed: kappa", "Second rating minus grader"),
    )
    rows = (
        Row(
            row.name,
            (
                show_share(row.exact),
                show_share(row.adjacent),
                show_number(row.pearson),
                show_number(row.spearman),
                show_number(row.mean_difference, signed=True),
                show_number(row.standardised_difference, signed=True),
                show_number(row.deviation_ratio),
                show_number(row.icc),
                show_count(row.observed_n),
                show_number(row.observed_qwk),
                show_number(row.degradation, signed=True),
            ),
            row.scope == OVERALL,
        )
        for row in report.agreement
    )
    return build_table(f"{prefix}measures", "Further measures of agreement", columns, rows)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts by reference (rows) and grade (columns); a cell is (count, shade 0–5 within its row, on the diagonal)."""

    id: str
    name: str
    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, int, bool], ...]], ...]


def build_confusions(report: RunReport, prefix: str) -> tuple[Confusion, ...]:
    """One matrix per scope that has cases."""
    return tuple(
        Confusion(
            f"{prefix}confusion-{row.scope}",
            row.name,
            row.confusion_labels,
            tuple(
                (label, tuple(_shade_row(counts, place)))
                for place, (label, counts) in enumerate(zip(row.confusion_labels, row.confusion, strict=True))
            ),
        )
        for row in report.agreement
        if row.confusion
    )


def _shade_row(counts: tuple[int, ...], diagonal: int) -> Iterator[tuple[str, int, bool]]:
    total = sum(counts)
    for place, count in enumerate(counts):
        shade = 0 if not count else 1 + round((_SHADES - 1) * count / total)
        yield format_count(count), shade, place == diagonal


def tabulate_bands(bands: tuple[Band, ...], prefix: str) -> Table:
    """Calibration: what cases of one reference level were graded on average."""
    columns = ("Reference level", "Cases", "Mean grade", "Mean error", "Exact")
    rows = (
        Row(
            str(band.level),
            (show_count(band.n), show_number(band.mean_graded), show_number(band.mae), show_share(band.exact)),
        )
        for band in bands
    )
    return build_table(f"{prefix}bands", "Overall scores by reference level", columns, rows)


def tabulate_coverage(coverage: Coverage, prefix: str) -> Table:
    """What came of the cases; what has no score counts in no other table."""
    rows = [
        _count("Cases", coverage.cases),
        _count("Scored", coverage.scored),
        *(_count(f"No score: {format_code(code)}", count) for code, count in coverage.unscored.items()),
        _count("Raters saw nothing to grade", coverage.expected_unscored),
        _count("… and the grader said so, too", coverage.rightly_unscored),
        _count("… but the grader gave a score", coverage.wrongly_scored),
        _count("Raters gave a score, the grader none", coverage.wrongly_unscored),
    ]
    return build_table(f"{prefix}coverage", "What came of the cases", ("Outcome", "Cases"), rows)


def tabulate_flags(flags: Mapping[str, int], prefix: str) -> Table:
    rows = (_count(format_code(code).capitalize(), count) for code, count in flags.items())
    return build_table(f"{prefix}flags", "Flags that send a grade to a person", ("Flag", "Grades"), rows)


def _count(head: str, count: int) -> Row:
    return Row(head, (show_count(count),))


def tabulate_groups(groups: tuple[Group, ...], prefix: str, name: str = "groups") -> Table:
    """Each value of a group column against all others."""
    columns = (
        *("Group", "Graded", "Mean grade", "Rated, too", "Mean reference"),
        *("Grade against the others, in deviations", "Grade minus reference against the others, in deviations"),
    )
    rows = (
        Row(
            f"{group.column}: {group.value}",
            (
                show_count(group.n),
                show_number(group.mean_graded),
                show_count(group.rated_n),
                show_number(group.mean_reference),
                show_estimate(group.difference, signed=True),
                show_estimate(group.bias, signed=True),
            ),
            note="few cases" if group.small else "",
        )
        for group in groups
    )
    return build_table(f"{prefix}{name}", "Groups, overall score", columns, rows)


def tabulate_repeats(found: Repeatability, prefix: str) -> Table:
    rows = (
        Row("Repeats of each request", (show_count(found.repeats),)),
        Row("Deviation within a case, in levels", (show_number(found.deviation),)),
        Row("Cases whose score was not the same each time", (show_share(found.changed_share),)),
        Row("Noise floor of the mean score, in levels", (show_number(found.noise_floor_mean, 3),)),
        Row("Noise floor of kappa", (show_number(found.noise_floor_qwk, 3),)),
    )
    return build_table(f"{prefix}repeats", "The same request, asked again", ("Measure", "Value"), rows)


def tabulate_families(families: tuple[Family, ...], prefix: str) -> Table:
    columns = ("Family", "Promise", "Cases", "No score", "Broken by", "Share (95 % interval)", "Allowed")
    rows = (
        Row(
            family.title,
            (
                _show_state(family),
                show_count(family.n),
                show_count(family.unscored),
                show_count(family.violations),
                _show_broken_share(family.share, family.share_interval),
                show_share(family.allowed_share),
            ),
        )
        for family in families
    )
    return build_table(f"{prefix}families", "Promises kept and broken", columns, rows)


def _show_state(family: Family) -> Cell:
    """A promise that was not checked is neither kept nor broken; its cell says why."""
    if family.state == "unchecked":
        return Cell("– unchecked", family.note)
    return show_text("✓ kept", "kept") if family.held else show_text("✗ broken", "broken")


def _show_broken_share(share: float | Missing, interval: Interval | Missing) -> Cell:
    cell = show_share(share)
    if isinstance(interval, Missing):
        return Cell(f"{cell.text} (–)", cell.reason or f"No interval: {interval.undefined}")
    low, high = (format_number(100 * end, 0) for end in (interval.low, interval.high))
    return Cell(f"{cell.text} ({low} to {high})", cell.reason)


def tabulate_family_scopes(family: Family, names: Mapping[str, str], prefix: str) -> Table:
    rows = (
        Row(
            names.get(one.scope, one.scope),
            (
                show_count(one.n),
                show_number(one.mean_change, signed=True),
                show_number(one.largest_rise, signed=True),
                show_number(one.largest_fall, signed=True),
                show_count(one.violations),
            ),
        )
        for one in family.scopes
    )
    columns = ("Scope", "Cases", "Mean change", "Largest rise", "Largest fall", "Broken by")
    return build_table(f"{prefix}family-{family.id}", f"{family.title}: change by scope, in levels", columns, rows)


def tabulate_violations(family: Family, names: Mapping[str, str], prefix: str) -> Table:
    rows = (
        Row(one.case, (show_text(names.get(one.scope, one.scope)), show_number(one.before), show_number(one.after)))
        for one in family.examples
    )
    columns = ("Case", "Scope", "Original", "Changed")
    return build_table(f"{prefix}violations-{family.id}", f"{family.title}: cases that break it", columns, rows)


def tabulate_cost(cost: Cost, prefix: str) -> Table:
    rows = (
        Row("Grades", (show_count(cost.grades),)),
        Row("Tokens in", (show_count(cost.tokens_in),)),
        Row("Tokens out", (show_count(cost.tokens_out),)),
        Row("Cost", (show_usd(cost.cost_usd),)),
        Row("Time of a grade, median", (show_seconds(cost.latency_median_seconds),)),
        Row("Time of a grade, 95th percentile", (show_seconds(cost.latency_p95_seconds),)),
        Row("The whole run", (show_seconds(cost.elapsed_seconds),)),
    )
    return build_table(f"{prefix}cost", "Cost and time, retries included", ("Measure", "Value"), rows)
