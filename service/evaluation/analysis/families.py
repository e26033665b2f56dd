"""Robustness families of a run: each derived case beside the case that it was made from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from service.domain.grade import ReasonCode
from service.evaluation.analysis.columns import average_levels, average_repeats, find_observed
from service.evaluation.results.numbers import OVERALL, Interval, Missing, Number
from service.evaluation.results.run import Family, FamilyScope, Repeatability, Violation
from service.evaluation.robustness.families import Family as Rule
from service.evaluation.robustness.graded import GradedCase, Pair
from service.evaluation.robustness.invariants import FamilyResult, check_invariants
from service.evaluation.statistics.distributions import compute_normal_quantile
from service.evaluation.table import RunTable

NO_PAIRS = Missing(undefined="No case of this family was graded beside its base.")


def judge_families(
    table: RunTable, rules: tuple[Rule, ...], repeatability: Repeatability | Missing
) -> tuple[Family, ...]:
    """Each family's promise and whether it was kept; empty for a set without derived cases.

    The noise allowed for is that of two single gradings of one answer, 1.96 · √2 · the within-case deviation (the
    repeatability of Bland & Altman 1996, BMJ 313); none where repeats were not asked for.
    """
    present = {family for family in table.families if family}
    asked = tuple(rule for rule in rules if rule.id in present)
    if not asked:
        return ()
    results = check_invariants(_pair_cases(table), asked, _choose_noise(repeatability))
    return tuple(_describe(rule, result) for rule, result in zip(asked, results, strict=True))


def _choose_noise(repeatability: Repeatability | Missing) -> float:
    deviation = repeatability.deviation if isinstance(repeatability, Repeatability) else 0.0
    if isinstance(deviation, Missing):
        return 0.0
    return compute_normal_quantile(0.975) * 2**0.5 * deviation


def _pair_cases(table: RunTable) -> Iterator[Pair]:
    graded = {case.id: case for case in _read_cases(table)}
    for case_id, base, family in zip(table.case_ids, table.bases, table.families, strict=True):
        if base in graded:
            yield Pair(family=family, base=graded[base], derived=graded[case_id])


def _read_cases(table: RunTable) -> Iterator[GradedCase]:
    overall, levels = average_repeats(table.overall), average_levels(table)
    observed = find_observed(table)
    for place, case_id in enumerate(table.case_ids):
        there = table.asked[place] & np.isfinite(levels[place])
        seen = there & observed[place]
        yield GradedCase(
            id=case_id,
            levels={name: float(levels[place, i]) for i, name in enumerate(table.criteria) if seen[i]},
            not_observed=frozenset(name for i, name in enumerate(table.criteria) if there[i] and not seen[i]),
            overall=float(overall[place]) if np.isfinite(overall[place]) else ReasonCode(table.reasons[place][0]),
            flags=frozenset().union(*table.raised[place]),
        )


def _describe(rule: Rule, result: FamilyResult) -> Family:
    share = result.share
    return Family(
        id=rule.id,
        title=rule.title,
        invariant=state_invariant(rule),
        n=result.n,
        unscored=result.unscored,
        violations=result.violations,
        share=NO_PAIRS if share is None else round(share.value, 9),
        share_interval=NO_PAIRS if share is None else Interval(low=share.low, high=share.high),
        allowed_share=rule.allowed_share,
        held=result.held,
        scopes=(
            FamilyScope(
                scope=OVERALL,
                n=result.n - result.unscored,
                mean_change=_number(result.mean_change),
                largest_rise=round(result.largest_rise, 9),
                largest_fall=Missing(undefined="Shown by criterion."),
                violations=result.violations,
            ),
            *(
                FamilyScope(
                    scope=one.criterion,
                    n=one.n,
                    mean_change=round(one.mean_change, 9),
                    largest_rise=round(one.largest_rise, 9),
                    largest_fall=round(one.largest_fall, 9),
                    violations=one.violations,
                )
                for one in result.criteria
            ),
        ),
        examples=tuple(
            Violation(case=one.case, scope=one.criterion, before=_number(one.before), after=_number(one.after))
            for one in result.shown
        ),
    )


def _number(value: float | None) -> Number:
    return Missing(undefined="There is no level.") if value is None else round(value, 9)


def state_invariant(rule: Rule) -> str:
    """The promise of a family in one sentence."""
    invariant = rule.invariant
    match invariant.kind:
        case "no_rise":
            text = f"No criterion rises by more than {invariant.by:g} and the re-grading noise."
        case "no_fall":
            text = f"No criterion falls by more than {invariant.by:g} and the re-grading noise."
        case "unchanged":
            text = "No criterion moves by more than the re-grading noise."
        case "within":
            text = (
                f"No criterion moves by more than {invariant.by:g} and the re-grading noise, nor by more than "
                f"{invariant.mean_by:g} on average."
            )
        case "at_most":
            text = f"Overall stays at or below {invariant.overall:g}."
        case "agree":
            text = "Answers that differ in the name only get the same levels, but for the re-grading noise."
        case "flagged":
            text = f"The grade carries the flag {invariant.flag}."
    return text if not rule.allowed_share else f"{text} At most {rule.allowed_share:.0%} of the cases may break this."
