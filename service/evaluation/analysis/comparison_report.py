"""Two runs over the same cases -> the report of what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import unified_diff

import numpy as np

from service.evaluation.analysis.agreement import name_scopes
from service.evaluation.analysis.alignment import align_tables, even_repeats, list_shared_criteria
from service.evaluation.analysis.breaks import judge_alike, weigh_breaks
from service.evaluation.analysis.columns import select_column
from service.evaluation.analysis.coverage import MAX_NAMED, compare_coverage, count_at_worst
from service.evaluation.analysis.differences import (
    adjust_scopes,
    describe_scope,
    explain_few,
    measure_moves,
    measure_scope,
)
from service.evaluation.analysis.level_changes import have_same_grades
from service.evaluation.analysis.numbers import to_number
from service.evaluation.analysis.run_report import build_run_report
from service.evaluation.analysis.scoring import score_alike
from service.evaluation.analysis.shown import show_cases
from service.evaluation.analysis.sources import Source
from service.evaluation.drift import split_drift
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import ComparisonReport, Drift, RankFlips
from service.evaluation.results.numbers import OVERALL, Missing
from service.evaluation.results.run import Identity
from service.evaluation.robustness.families import Family as FamilyRule
from service.evaluation.table import RunTable
from service.evaluation.verdict import decide_verdict, state_same
from service.statistics.rank_flips import Top, find_flips


@dataclass(frozen=True, slots=True)
class Terms:
    """How two runs are compared. `through` are runs between the two, for the parts of the drift."""

    policy: Policy
    families: tuple[FamilyRule, ...] = ()
    yardstick: RunTable | None = None
    through: tuple[Source, ...] = ()
    common: bool = False


def compare_runs(first: Source, second: Source, terms: Terms) -> ComparisonReport:
    """Second against first, over the same cases and as many repeats; raises RunInvalid when they are not comparable."""
    policy = terms.policy
    first = score_alike(first, second)
    whole = align_tables(first, second, terms.common)
    one, two = even_repeats(whole)
    criteria = list_shared_criteria(one, two)
    names = name_scopes(second.rubric)
    scopes = tuple(measure_scope(one, two, scope, names[scope], policy) for scope in (OVERALL, *criteria))
    families = judge_alike(whole, (one, two), terms.families)
    breaks = weigh_breaks(families, two, (first, second)) if policy.families != "ignore" else {}
    adjusted = adjust_scopes(scopes, breaks)
    enough = explain_few(scopes[0], policy) is None
    differences = tuple(describe_scope(scope, adjusted, policy, enough) for scope in scopes)
    coverage = compare_coverage(one, two, policy)
    at_worst = count_at_worst(one, two, policy)
    aligned = (replace(first, table=whole[0]), replace(second, table=whole[1]))
    runs = tuple(
        build_run_report(each, terms.yardstick, terms.families, policy).model_copy(update={"families": found})
        for each, found in zip(aligned, families, strict=True)
    )
    verdict = decide_verdict(scopes[0], differences, adjusted, coverage, at_worst, families, policy)
    same = have_same_grades(one, two)
    return ComparisonReport(
        title=f"{second.identity.label} against {first.identity.label}",
        first=first.identity,
        second=second.identity,
        changed=list_changes(first.identity, second.identity),
        verdict=verdict.model_copy(update={"sentence": state_same(verdict)}) if same else verdict,
        differences=differences,
        coverage=coverage,
        rank_flips=_find_flips(one, two, policy),
        drift=_split(aligned[0], aligned[1], terms),
        prompt_diff=diff_prompts(first, second),
        shown=show_cases(aligned, two.case_ids, measure_moves(one, two, criteria)),
        runs=(runs[0], runs[1]),
    )


def list_changes(first: Identity, second: Identity) -> tuple[str, ...]:
    """What differs between two runs beside their results, as `what: before -> after`."""
    served = (", ".join(first.models_served), ", ".join(second.models_served))
    pairs = (
        ("Prompt", first.prompt, second.prompt),
        ("Prompt text", first.prompt_hash[:12], second.prompt_hash[:12]),
        ("Rubric", first.rubric, second.rubric),
        ("Rubric text", first.rubric_hash[:12], second.rubric_hash[:12]),
        ("Model", first.model_requested, second.model_requested),
        ("Model served", *served),
        ("Mode", first.mode, second.mode),
        ("Samples", str(first.samples), str(second.samples)),
        ("Repeats (as many as the fewer are compared)", str(first.repeats), str(second.repeats)),
        ("Parameters", _state(first.parameters), _state(second.parameters)),
        ("Conditions", _state(first.conditions), _state(second.conditions)),
        ("Grader version", first.grader_version, second.grader_version),
        ("Eval set", first.set_hash[:12], second.set_hash[:12]),
    )
    return tuple(f"{what}: {before} → {after}" for what, before, after in pairs if before != after)


def diff_prompts(first: Source, second: Source) -> str:
    """Unified diff of the two prompts' texts; empty when they are the same."""
    before, after = first.prompt_text.splitlines(), second.prompt_text.splitlines()
    return "\n".join(unified_diff(before, after, first.identity.prompt, second.identity.prompt, lineterm=""))


def _state(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {str(value)[:60]}" for name, value in sorted(settings.items())) or "none"


def _find_flips(first: RunTable, second: RunTable, policy: Policy) -> RankFlips:
    one, two = select_column(first, OVERALL).graded, select_column(second, OVERALL).graded
    both = np.isfinite(one) & np.isfinite(two)
    label = f"the best {policy.top_share:.0%}"
    if not both.any():
        missing = Missing(undefined="No case was scored by both runs.")
        return RankFlips(cut_off=label, n=0, entered=(), left=(), kendall_tau=missing)
    ids = np.asarray(second.case_ids)[both]
    found = find_flips(one[both], two[both], Top(max(1, round(policy.top_share * int(both.sum())))))
    return RankFlips(
        cut_off=label,
        n=found.n,
        entered=tuple(str(ids[place]) for place in found.rose[:MAX_NAMED]),
        left=tuple(str(ids[place]) for place in found.fell[:MAX_NAMED]),
        kendall_tau=to_number(found.tau_b),
    )


def _split(first: Source, second: Source, terms: Terms) -> Drift | Missing:
    return split_drift((first, *terms.through, second), terms.policy)
