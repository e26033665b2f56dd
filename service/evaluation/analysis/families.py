"""Robustness families of a run: each derived case beside the case that it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from service.domain.grade import ReasonCode
from service.errors import RunInvalid
from service.evaluation.analysis.columns import average_levels, average_repeats, list_scopes, select_levels
from service.evaluation.results.numbers import OVERALL, Interval, Missing, Number
from service.evaluation.results.run import Family, FamilyScope, Violation
from service.evaluation.robustness.families import FAMILIES
from service.evaluation.robustness.families import Family as Rule
from service.evaluation.robustness.graded import GradedCase, Pair
from service.evaluation.robustness.invariants import FamilyResult, check_invariants
from service.evaluation.table import RunTable
from service.statistics.distributions import compute_normal_quantile

NO_PAIRS = Missing(undefined="No case of this family was graded beside its base.")


def judge_families(
    table: RunTable, rules: tuple[Rule, ...], deviations: Mapping[str, float] | None = None
) -> tuple[Family, ...]:
    """Each family's promise and whether it was kept; empty for a set without derived cases.

    The noise allowed for is that between two means over the table's k repeats of one answer, 1.96 · √(2/k) · the
    within-case deviation of that criterion (the repeatability of Bland & Altman 1996, BMJ 313); none where nothing was
    graded twice. `deviations` are those of the table itself unless they are given. Raises RunInvalid for derived cases
    of a family that no rule is about: they would pass for kept promises.
    """
    present = {family for family in table.families if family}
    unknown = sorted(present - {rule.id for rule in rules})
    if unknown:
        raise RunInvalid(
            f"The cases of the family {unknown[0]} cannot be judged: no {FAMILIES} beside them says what must hold of "
            "it. Put the file into the set's folder, and run the set again (--again)."
        )
    asked = tuple(rule for rule in rules if rule.id in present)
    if not asked:
        return ()
    spread = measure_deviations(table) if deviations is None else deviations
    factor = compute_normal_quantile(0.975) * (2 / table.overall.shape[1]) ** 0.5
    results = check_invariants(_pair_cases(table), asked, {scope: factor * one for scope, one in spread.items()})
    return tuple(_describe(rule, result) for rule, result in zip(asked, results, strict=True))


def measure_deviations(table: RunTable) -> dict[str, float]:
    """`overall` and each criterion -> within-case standard deviation (levels) of its repeats, pooled over cases.

    What has no case that was graded twice is left out.
    """
    found = {}
    for scope in list_scopes(table):
        levels = select_levels(table, scope)
        counts = np.isfinite(levels).sum(axis=1)
        twice = counts > 1
        if twice.any():
            squares = np.nansum((levels - average_repeats(levels)[:, np.newaxis]) ** 2, axis=1)[twice]
            found[scope] = float(np.sqrt(squares.sum() / (counts[twice] - 1).sum()))
    return found


def _pair_cases(table: RunTable) -> Iterator[Pair]:
    graded = {case.id: case for case in _read_cases(table)}
    for case_id, base, family in zip(table.case_ids, table.bases, table.families, strict=True):
        if base in graded:
            yield Pair(family=family, base=graded[base], derived=graded[case_id])


def _read_cases(table: RunTable) -> Iterator[GradedCase]:
    overall, levels = average_repeats(table.overall), average_levels(table)
    observed = np.any(table.observed, axis=1)  # a criterion seen in one repeat of three has the mean that the score has
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
        state=result.state,
        note=result.note,
        violating=result.violating,
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
