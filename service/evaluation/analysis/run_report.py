"""One run -> its report."""

from __future__ import annotations

from collections import Counter

import numpy as np

from service.domain.case import NoOverall
from service.domain.grade import ReasonCode
from service.evaluation.analysis.agreement import bin_points, measure_ceiling, measure_scopes, name_scopes
from service.evaluation.analysis.columns import FloatArray, average_repeats, select_column
from service.evaluation.analysis.families import judge_families
from service.evaluation.analysis.groups import measure_groups
from service.evaluation.analysis.numbers import to_number
from service.evaluation.analysis.shown import show_cases
from service.evaluation.analysis.sources import Source
from service.evaluation.policy import Policy
from service.evaluation.results.numbers import OVERALL, Missing, Number
from service.evaluation.results.run import Cost, Coverage, Repeatability, RunReport
from service.evaluation.robustness.families import Family as FamilyRule
from service.evaluation.table import RunTable
from service.statistics.repeats import measure_repeats
from service.statistics.undefined import Undefined

UNKNOWN = Missing(undefined="The backend did not say.")


def build_run_report(
    source: Source, yardstick: RunTable | None, families: tuple[FamilyRule, ...], policy: Policy
) -> RunReport:
    """What is known of one run. `yardstick` is the embedded grader's run on the same cases, when there is one."""
    table, names = source.table, name_scopes(source.rubric)
    repeatability = measure_repeatability(table, policy)
    overall = select_column(table, OVERALL)
    distance = np.nan_to_num(np.abs(overall.graded - overall.reference))
    return RunReport(
        title=f"{source.identity.set_id}: {source.identity.label}",
        identity=source.identity,
        caution=source.caution,
        agreement=measure_scopes(table, names, yardstick, policy),
        ceiling=measure_ceiling(table),
        coverage=_count_coverage(table),
        cost=_sum_cost(source),
        groups=measure_groups(table, policy),
        repeatability=repeatability,
        families=judge_families(table, families),
        points=bin_points(table),
        shown=show_cases((source,), table.case_ids, distance),
    )


def measure_repeatability(table: RunTable, policy: Policy) -> Repeatability | Missing:
    """The noise of re-grading the same request, of overall scores; Missing with one repeat."""
    whole = np.isfinite(table.overall).all(axis=1)
    if not whole.any():
        return Missing(undefined="No case was scored in every repeat.")
    rated = whole & np.isfinite(table.reference_overall)
    found = measure_repeats(table.overall[whole], policy.seed)
    if isinstance(found, Undefined):
        return Missing(undefined=found.reason)
    kappa: Number = Missing(undefined="No case has a reference and was scored in every repeat.")
    if rated.any():
        against = measure_repeats(table.overall[rated], policy.seed, table.reference_overall[rated])
        kappa = to_number(against.kappa_floor) if not isinstance(against, Undefined) else kappa
    return Repeatability(
        repeats=found.repeats,
        deviation=to_number(found.deviation),
        changed_share=to_number(found.changed),
        noise_floor_mean=to_number(found.mean_floor),
        noise_floor_qwk=kappa,
    )


def _count_coverage(table: RunTable) -> Coverage:
    scored = np.isfinite(average_repeats(table.overall))
    expected = np.array([reason == NoOverall.NOTHING_OBSERVED for reason in table.reference_none], dtype=np.bool_)
    first = Counter(reasons[0] for reasons, seen in zip(table.reasons, scored, strict=True) if not seen)
    nothing = np.array([reasons[0] == ReasonCode.NOTHING_OBSERVED for reasons in table.reasons], dtype=np.bool_)
    rated = np.isfinite(table.reference_overall)
    return Coverage(
        cases=len(table.case_ids),
        scored=int(scored.sum()),
        partly_scored=int((scored & ~np.isfinite(table.overall).all(axis=1)).sum()),
        unscored=dict(sorted(first.items())),
        expected_unscored=int(expected.sum()),
        rightly_unscored=int((expected & ~scored & nothing).sum()),
        wrongly_scored=int((expected & scored).sum()),
        wrongly_unscored=int((rated & ~scored).sum()),
        flags=dict(sorted(table.flags.items())),
    )


def _sum_cost(source: Source) -> Cost:
    table = source.table
    latency = table.latency_seconds[np.isfinite(table.latency_seconds)]
    return Cost(
        grades=int(table.overall.size),
        tokens_in=_sum_tokens(table.tokens_in),
        tokens_out=_sum_tokens(table.tokens_out),
        cost_usd=to_number(float(table.cost_usd.sum())) if np.isfinite(table.cost_usd).all() else UNKNOWN,
        latency_median_seconds=to_number(float(np.median(latency))) if len(latency) else UNKNOWN,
        latency_p95_seconds=to_number(float(np.quantile(latency, 0.95))) if len(latency) else UNKNOWN,
        elapsed_seconds=to_number(source.elapsed_seconds) if np.isfinite(source.elapsed_seconds) else UNKNOWN,
    )


def _sum_tokens(counts: FloatArray) -> int | Missing:
    return int(counts.sum()) if np.isfinite(counts).all() else UNKNOWN
